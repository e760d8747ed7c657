"""A task folder that is moved or removed while something is written into it: nobody else's is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import Start, until

from hilctl.task.workspace import Workspace

MANY = "200"


def move(root: Path) -> None:
    root.rename(root.with_name("elsewhere"))


def move_and_make_another(root: Path) -> None:
    other = root.with_name("other")
    other.mkdir()
    shutil.copy(root / "task.yaml", other)
    for name in ("demos", "labels", "runs"):
        (other / name).mkdir()
    move(root)
    other.rename(root)


def remove(root: Path) -> None:
    for _ in range(100):  # what is recorded meanwhile makes a folder that is not empty
        shutil.rmtree(root, ignore_errors=True)
        if not root.exists():
            return


WAYS: dict[str, Callable[[Path], None]] = {
    "moved": move,
    "another in its place": move_and_make_another,
    "removed": remove,
}


@pytest.mark.parametrize("way", WAYS)
def test_recording_stops_when_its_folder_is_moved(start: Start, space: Workspace, way: str) -> None:
    running = start(space, "record-demos", "-n", MANY, "--task", str(space.root))
    until(running, lambda event: event.get("demos", 0) >= 1)
    WAYS[way](space.root)
    code, events, talk = running.finish()
    assert code == 7, talk
    assert events[-1]["error"]["where"].startswith(str(space.root))
    # how many there were when the folder was moved is up to the machine
    assert len([event for event in events if event.get("event") == "episode"]) < int(MANY) / 2
    assert not list(space.root.rglob("*.hdf5*")), "nothing was written into a stranger"
    elsewhere = space.root.with_name("elsewhere") / "demos"
    assert way == "removed" or list(elsewhere.glob("episode_*.hdf5"))
