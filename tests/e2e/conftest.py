"""Task folders, real `hilctl` processes, and what several tests read of one training."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import FEW_LABELS, SHORT, TINY_CAMERAS, Ask, Start, copy, make_task, starting
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
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small task with demonstrations and a classifier, and a quarter of a minute to train."""
    folder = tmp_path_factory.mktemp("stages") / "task"
    changes = TINY_CAMERAS | FEW_LABELS | SHORT
    space = make_task(folder, "sim-reach", changes, demos="3", max_episode_s="2")
    record_demos(space)
    record_labels(space)
    train_classifier(space)
    return folder


@pytest.fixture
def ready(recorded: Path, tmp_path: Path) -> Workspace:
    """A copy of it, ready for training."""
    return copy(recorded, tmp_path / "ready")


@pytest.fixture(scope="session")
def finished_once(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A task whose only run has met its limit."""
    space = copy(recorded, tmp_path_factory.mktemp("finished") / "task")
    train(space)
    return space.root


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
