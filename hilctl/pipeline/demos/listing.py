"""`hilctl demos list`: every demonstration by its number, the damaged ones named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from hilctl.data import layout
from hilctl.data.header import checked, opened
from hilctl.data.index import episode_paths
from hilctl.data.own_numbers import dataset_of
from hilctl.data.step import Outcome
from hilctl.errors import ComputerError, DataError
from hilctl.task.files import os_errors
from hilctl.task.fingerprint import data_fingerprint
from hilctl.task.workspace import Workspace

NUMBER = re.compile(r"episode_(\d+)\.hdf5")


@dataclass(frozen=True)
class DemoFile:
    """One demonstration as it lies on the disk.

    Attributes:
        number: by which a person names it.
        path: its file.
        recorded: when, to the second, in local time.
        steps, seconds, human_steps: how long it is, and steps with a human in charge.
        outcome: how it ended; None when the file is damaged.
        problem: why it cannot be used: damaged, or of another task; None when it can.
    """

    number: int
    path: Path
    recorded: datetime
    steps: int = 0
    seconds: float = 0.0
    human_steps: int = 0
    outcome: Outcome | None = None
    problem: str | None = None

    @property
    def damaged(self) -> bool:
        """Whether it cannot be read at all."""
        return self.outcome is None

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            **vars(self),
            "path": str(self.path),
            "recorded": self.recorded.isoformat(timespec="seconds"),
            "outcome": self.outcome.value if self.outcome else None,
            "damaged": self.damaged,
        }


def list_demos(workspace: Workspace) -> list[DemoFile]:
    """Return the demonstrations of a task folder in the order they were recorded.

    Raises:
        ComputerError: the computer could not read one; nothing is known of it.
        TaskFileError: the task file is wrong.
    """
    fingerprint = data_fingerprint(workspace.spec)
    return [_read(path, fingerprint) for path in numbered(workspace.demos).values()]


def numbered(folder: Path) -> dict[int, Path]:
    """Return the episode files of a folder by their numbers."""
    found = ((NUMBER.fullmatch(path.name), path) for path in episode_paths(folder))
    return {int(match[1]): path for match, path in found if match}


def number_of(path: Path) -> int:
    """Return the number of an episode file; 0 when its name has none."""
    match = NUMBER.fullmatch(path.name)
    return int(match[1]) if match else 0


def _read(path: Path, fingerprint: str) -> DemoFile:
    number = number_of(path)
    with os_errors(path):
        recorded = datetime.fromtimestamp(path.stat().st_mtime).replace(microsecond=0)
    try:
        with opened(path) as group:
            header = checked(path, group)
            stamps = dataset_of(group, layout.STAMP_COLUMN)
            span_s = (int(stamps[-1]) - int(stamps[0])) * 1e-9
            human_steps = int(np.count_nonzero(dataset_of(group, "intervened")[()]))
    except ComputerError:
        raise
    except DataError as error:
        return DemoFile(number, path, recorded, problem=error.message)
    other = header.task_fingerprint != fingerprint
    return DemoFile(
        number,
        path,
        recorded,
        steps=header.num_samples,
        seconds=span_s,
        human_steps=human_steps,
        outcome=header.outcome,
        problem="recorded for another task" if other else None,
    )
