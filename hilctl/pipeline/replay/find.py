"""Which episode a person means: a number, RUN/NUMBER, or a path."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from hilctl.errors import MissingStageError, UsageError
from hilctl.pipeline.demos.listing import numbered
from hilctl.task.workspace import Workspace

RUN_NUMBER = re.compile(r"([^/]+)/(\d+)")


def find_episode(name: str, workspace: Callable[[], Workspace]) -> Path:
    """Return the file of an episode.

    Args:
        name: the number of a demonstration, RUN/NUMBER of an episode of a run, or the path of a
            file, for which no task folder is needed.
        workspace: finds the task folder.

    Raises:
        UsageError: there is no such episode.
        MissingStageError: there is no such run, or nothing has been recorded.
        TaskFileError: there is no task folder, and the name is no path.
    """
    if name.isdecimal():
        space = workspace()
        list_, record = space.command("demos list"), space.command("record-demos")
        return _numbered(name, space.demos, list_, record)
    if Path(name).is_file():
        return Path(name)
    if found := RUN_NUMBER.fullmatch(name):
        space = workspace()
        folder = space.existing_run(found[1]) / "episodes"
        replay, train = space.command(f"replay {found[1]}/NUMBER"), space.command("train")
        return _numbered(found[2], folder, replay, train)
    hint = "the number of a demonstration, RUN/NUMBER, or the path of a file"
    raise UsageError(f"there is no episode {name}", where=name, hint=hint)


def _numbered(number: str, folder: Path, command: str, recorded_by: str) -> Path:
    there = numbered(folder)
    if path := there.get(int(number)):
        return path
    missing = f"there is no episode {number} in {folder}"
    if not there:
        hint = f"nothing has been recorded there: {recorded_by}"
        raise MissingStageError(missing, where=str(folder), hint=hint)
    span = f"there are {len(there)}, {min(there)} to {max(there)}"
    raise UsageError(missing, where=str(folder), hint=f"{span}: {command}")
