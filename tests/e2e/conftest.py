"""Task folders and real `hilctl` processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import FEW_LABELS, SHORT, TINY_CAMERAS, Running, Start, make_task

from hilctl.pipeline.classify.train_classifier import train_classifier
from hilctl.pipeline.record.demos import record_demos
from hilctl.pipeline.record.labels import record_labels
from hilctl.task.workspace import Workspace


@pytest.fixture
def start() -> Iterator[Start]:
    """Start processes, and end those that are left at the end of a test."""
    running: list[subprocess.Popen[str]] = []

    def call(space: Workspace, *arguments: str) -> Running:
        process = subprocess.Popen(
            [sys.executable, "-m", "hilctl", *arguments, "--json"],
            cwd=space.root,
            env={name: value for name, value in os.environ.items() if name != "MUJOCO_GL"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return Running(process)

    yield call
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    """The small task: a tool to bring to a spot, tiny pictures, few labels."""
    return make_task(tmp_path / "task", "sim-reach", TINY_CAMERAS | FEW_LABELS)


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small task with demonstrations and a classifier, and half a minute to train."""
    folder = tmp_path_factory.mktemp("stages") / "task"
    space = make_task(
        folder, "sim-reach", TINY_CAMERAS | FEW_LABELS | SHORT, demos="3", max_episode_s="2"
    )
    record_demos(space)
    record_labels(space)
    train_classifier(space)
    return folder


@pytest.fixture
def ready(recorded: Path, tmp_path: Path) -> Workspace:
    """A copy of it, ready for training."""
    return Workspace(Path(shutil.copytree(recorded, tmp_path / "ready")))
