"""`hilctl demos rm` and `restore`: demonstrations put aside, never deleted, and taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hilctl.data.index import INDEX, rebuild_index
from hilctl.data.writer import REMOVED
from hilctl.errors import ComputerError, DataError, UsageError
from hilctl.pipeline.demos.listing import numbered
from hilctl.task.files import os_errors, sync_folder
from hilctl.task.workspace import Workspace


@dataclass(frozen=True)
class MovedDemos:
    """What was moved, and whether the index fits what is there.

    Attributes:
        files: where the demonstrations lie now.
        left: demonstrations that are in the folder after that.
        index_problem: why there is no index: a file that is left is damaged; None = it fits.
    """

    files: tuple[Path, ...]
    left: int
    index_problem: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "files": [str(file) for file in self.files],
            "demos": self.left,
            "index_problem": self.index_problem,
        }


def removed_demos(workspace: Workspace) -> dict[int, Path]:
    """Return the demonstrations that were put aside, by their numbers."""
    return numbered(workspace.demos / REMOVED)


def chosen(files: dict[int, Path], numbers: Sequence[int], where: Path) -> list[Path]:
    """Return the files of some numbers, each once, in order.

    Raises:
        UsageError: there is none of a number; names those that there are.
    """
    unknown = sorted({*numbers} - files.keys())
    if unknown:
        wanted = ", ".join(map(str, unknown))
        known = ", ".join(map(str, files))
        hint = f"there are: {known}" if files else "there is none"
        raise UsageError(f"no demonstration {wanted} in {where}", where=str(where), hint=hint)
    return [files[number] for number in sorted({*numbers})]


def remove_demos(workspace: Workspace, numbers: Sequence[int]) -> MovedDemos:
    """Put demonstrations aside, into `demos/removed`; the folder is locked by the caller.

    Raises:
        UsageError: there is none of a number; nothing is moved.
        HilctlError: the folder cannot be written.
    """
    files = chosen(numbered(workspace.demos), numbers, workspace.demos)
    return _move(workspace, files, workspace.demos / REMOVED)


def restore_demos(workspace: Workspace, numbers: Sequence[int]) -> MovedDemos:
    """Take demonstrations back that were put aside; the folder is locked by the caller.

    Raises:
        UsageError: none of a number was put aside, or another one has taken its place.
        HilctlError: the folder cannot be written.
    """
    files = chosen(removed_demos(workspace), numbers, workspace.demos / REMOVED)
    return _move(workspace, files, workspace.demos)


def _move(workspace: Workspace, files: Sequence[Path], folder: Path) -> MovedDemos:
    goals = [folder / file.name for file in files]
    for goal in goals:
        if goal.exists():
            hint = "move one of the two elsewhere; nothing was moved"
            raise UsageError(f"{goal} is there already", where=str(goal), hint=hint)
    with os_errors(folder):
        folder.mkdir(exist_ok=True)
        for file, goal in zip(files, goals, strict=True):
            file.rename(goal)
        for changed in (folder, workspace.demos):
            sync_folder(changed)
    problem = _renew_index(workspace.demos)
    return MovedDemos(tuple(goals), len(numbered(workspace.demos)), problem)


def _renew_index(demos: Path) -> str | None:
    """Make the index fit; where that cannot be, have none rather than one that lies."""
    try:
        rebuild_index(demos)
    except ComputerError:
        raise
    except DataError as error:
        with os_errors(demos):
            (demos / INDEX).unlink(missing_ok=True)
        return f"{error.where}: {error.message}"
    return None
