"""What killed commands leave behind is swept by the next one; nothing else is."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from whole_folder import make_task

from hilctl.pipeline.train.processes import supervisor
from hilctl.task import scaffold

KEEPING = """
import sys
from pathlib import Path
import numpy as np
from hilctl.data.cache import ArrayCache
from hilctl.task.files import write_bytes_atomic
from hilctl.task.workspace import Workspace
root = Path(sys.argv[1])
with Workspace(root).lock("train"):
    print("locked", flush=True)
    big = {"a": np.zeros(30_000_000)}
    for number in range(1000):
        ArrayCache(root / "demos").keep(f"episode_{number}", "x", big)
"""
MAKING = """
import sys, time
from pathlib import Path
from hilctl.task import scaffold
template = scaffold.find_template("sim-reach")
scaffold._check = lambda building, template: (print("made", flush=True), time.sleep(60))
scaffold.create(template, Path(sys.argv[1]), template.answers({}))
"""


def kill_when(command: list[str], folder: Path, pattern: str) -> None:
    """Start a command, and kill it as soon as a file of that pattern is there."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not list(folder.glob(pattern)):
        assert process.poll() is None
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_half_written_files_of_killed_commands_are_swept_by_the_next(tmp_path: Path) -> None:
    space = make_task(tmp_path / "task")
    space.demos.mkdir()
    (tmp_path / "task" / "demos" / ".notes.tmp").touch()  # a person's
    alive = space.demos / f".mine.npz.{os.getpid()}.tmp"
    alive.touch()
    for _ in range(2):
        command = [sys.executable, "-c", KEEPING, str(space.root)]
        kill_when(command, space.demos, ".episode_*.tmp")
    assert list(space.demos.glob(".episode_*.tmp"))
    with space.lock("record-demos"):
        pass
    left = sorted(path.name for path in space.demos.glob(".*"))
    assert left == sorted([".notes.tmp", alive.name])


def test_a_half_made_task_folder_is_swept_by_the_next(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MAKING, str(tmp_path / "peg")]
    kill_when(command, tmp_path, ".*/README.md")
    assert len(list(tmp_path.iterdir())) == 1
    template = scaffold.find_template("sim-reach")
    scaffold.create(template, tmp_path / "other", template.answers({}))
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_the_link_of_a_killed_training_is_swept_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    (tmp_path / f"hilctl-{gone.pid}-abc_1").mkdir()
    (tmp_path / f"hilctl-{gone.pid}-abc_1" / "link").touch()
    (tmp_path / f"hilctl-{os.getpid()}-abc_1").mkdir()
    (tmp_path / "hilctl-notes").mkdir()
    with supervisor._scratch() as folder:
        assert folder.is_dir()
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == sorted([f"hilctl-{os.getpid()}-abc_1", "hilctl-notes"])


@pytest.mark.parametrize("mask", [0o077, 0o022, 0o007])
def test_a_new_task_folder_keeps_to_the_persons_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        space = make_task(tmp_path / "task")
        with space.lock("train"):
            pass
    finally:
        os.umask(before)
    for path in [space.root, *space.root.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & mask == 0, path
    assert stat.S_IMODE(space.root.stat().st_mode) == 0o777 & ~mask
