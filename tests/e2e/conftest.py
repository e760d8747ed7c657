"""Task folders, real `hilctl` processes, and what several tests read of one training."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from finished_run import FinishedRun, watch_to_the_end
from processes import (
    EYES,
    FEW_LABELS,
    SHORT,
    THUMBNAILS,
    TINY_CAMERAS,
    Ask,
    Start,
    copy,
    make_task,
    starting,
)
from stopped_run import StoppedRun, watch_and_stop

from hilctl.cli.app import run
from hilctl.task.workspace import Workspace

UP_TO_THE_REWARD = ("record-demos", "record-labels", "train-classifier")
Once = Callable[[str, Callable[[Path], None]], Path]


@pytest.fixture(scope="module", autouse=True)
def _eyes() -> Iterator[None]:
    """Find the encoder of these tests in this process, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EYES)
        yield


@pytest.fixture
def start() -> Iterator[Start]:
    """Start processes, and end those that are left at the end of a test."""
    with starting() as start:
        yield start


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run command lines in this process: one of its own takes seconds to import what is here."""

    def call(space: Workspace, *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
        monkeypatch.chdir(space.root)
        capsys.readouterr()
        code = run([*arguments, "--json"])
        out, talk = capsys.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], talk

    return call


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    """The small task: a tool to bring to a spot, tiny pictures, few labels."""
    return make_task(tmp_path / "task", "sim-reach", TINY_CAMERAS | FEW_LABELS)


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Make what takes long once, for all processes of a test run."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def call(name: str, make: Callable[[Path], None]) -> Path:
        folder = shared / name
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                (part := shared / f"{name}.part").mkdir()
                make(part)
                part.rename(folder)
        return folder

    return call


@pytest.fixture(scope="session")
def recorded(once: Once) -> Path:
    """A small task with demonstrations and a classifier, and a quarter of a minute to train.

    What each command answered lies beside it: exit code, JSON lines and talk.
    """

    def make(folder: Path) -> None:
        changes = TINY_CAMERAS | FEW_LABELS | SHORT | THUMBNAILS
        space = make_task(folder / "task", "sim-reach", changes, demos="3", max_episode_s="2")
        with starting() as start:
            told = {verb: start(space, verb).finish() for verb in UP_TO_THE_REWARD}
        (folder / "told.json").write_text(json.dumps(told), "utf-8")

    return once("recorded", make) / "task"


@pytest.fixture
def ready(recorded: Path, tmp_path: Path) -> Workspace:
    """A copy of it, ready for training."""
    return copy(recorded, tmp_path / "ready")


@pytest.fixture(scope="session")
def finished_once(recorded: Path, once: Once) -> FinishedRun:
    """A training in real time to its end, on a computer whose clock jumps."""

    def make(folder: Path) -> None:
        with starting() as start:
            space = copy(recorded, folder / "task")
            watch_to_the_end(space, start, folder / "site").write(folder / "seen.json")

    folder = once("finished", make)
    return FinishedRun.read(folder / "seen.json", folder / "task")


@pytest.fixture
def finished(finished_once: FinishedRun, tmp_path: Path) -> Workspace:
    """A copy of its task folder."""
    return copy(finished_once.space.root, tmp_path / "finished")


@pytest.fixture(scope="session")
def stopped(recorded: Path, once: Once) -> StoppedRun:
    """A training in real time that was looked at while it ran, and stopped with Ctrl-C."""

    def make(folder: Path) -> None:
        with starting() as start:
            watch_and_stop(copy(recorded, folder / "task"), start).write(folder / "seen.json")

    folder = once("stopped", make)
    return StoppedRun.read(folder / "seen.json", folder / "task")


@pytest.fixture
def unfinished(stopped: StoppedRun, tmp_path: Path) -> Workspace:
    """A copy of its task folder."""
    return copy(stopped.space.root, tmp_path / "unfinished")
