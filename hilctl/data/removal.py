"""Put an episode aside: out of the data set, not out of reach."""

from __future__ import annotations

from pathlib import Path

from hilctl.data.writer import REMOVED
from hilctl.task.files import os_errors, sync_folder


def set_aside(episode: Path) -> Path:
    """Move an episode into `removed/` beside it and return where it is; its number stays taken.

    Raises:
        HilctlError: the folder cannot be written, or the episode is gone.
    """
    goal = episode.parent / REMOVED / episode.name
    with os_errors(goal):
        goal.parent.mkdir(exist_ok=True)
        episode.rename(goal)
        sync_folder(goal.parent)
        sync_folder(episode.parent)
    return goal
