"""Task folders, real `hilctl` processes, and what several tests read of one training."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from processes import FEW_LABELS, SHORT, TINY_CAMERAS, Start, make_task, starting
from stopped_run import StoppedRun, watch_and_stop

from hilctl.cli.app import run
from hilctl.pipeline.classify.train_classifier import train_classifier
from hilctl.pipeline.record.demos import record_demos
from hilctl.pipeline.record.labels import record_labels
from hilctl.pipeline.train.train import train
from hilctl.task.workspace import Workspace


@pytest.fixture
def start() -> Iterator[Start]:
    """Start processes, and end those that are left at the end of a test."""
    with starting() as start:
        yield start


class Ask(Protocol):
    """Run a command line with `--json` in this process; return code, JSON lines and talk."""

    def __call__(
        self, space: Workspace, *arguments: str
    ) -> tuple[int, list[dict[str, Any]], str]: ...


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
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of a test run have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Return a folder that the first process to ask for it makes, while others wait."""
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = folder.with_name(f"{folder.name}-unfinished")
            make(unfinished)
            unfinished.rename(folder)
    return folder


@pytest.fixture(scope="session")
def recorded(shared: Path) -> Path:
    """A small task with demonstrations and a classifier, and a quarter of a minute to train."""

    def make(folder: Path) -> None:
        changes = TINY_CAMERAS | FEW_LABELS | SHORT
        space = make_task(folder, "sim-reach", changes, demos="3", max_episode_s="2")
        record_demos(space)
        record_labels(space)
        train_classifier(space)

    return made_once(shared / "recorded", make)


@pytest.fixture
def ready(recorded: Path, tmp_path: Path) -> Workspace:
    """A copy of it, ready for training."""
    return copy(recorded, tmp_path / "ready")


@pytest.fixture(scope="session")
def finished_once(recorded: Path, shared: Path) -> Path:
    """A task whose only run has met its limit."""

    def make(folder: Path) -> None:
        train(copy(recorded, folder))

    return made_once(shared / "finished", make)


@pytest.fixture
def finished(finished_once: Path, tmp_path: Path) -> Workspace:
    """A copy of it."""
    return copy(finished_once, tmp_path / "finished")


@pytest.fixture(scope="session")
def stopped(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> StoppedRun:
    """A training in real time that was looked at while it ran, and stopped with Ctrl-C."""
    space = copy(recorded, tmp_path_factory.mktemp("stopped") / "task")
    with starting() as start:
        return watch_and_stop(space, start)


@pytest.fixture
def unfinished(stopped: StoppedRun, tmp_path: Path) -> Workspace:
    """A copy of its task folder."""
    return copy(stopped.space.root, tmp_path / "unfinished")


def copy(folder: Path, target: Path) -> Workspace:
    """Return a task folder of one's own."""
    return Workspace(Path(shutil.copytree(folder, target)))
