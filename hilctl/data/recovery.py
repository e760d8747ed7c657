"""Deal with what a kill or a power cut left behind: nothing vanishes silently, nothing counts.

An unfinished episode has no outcome, so it can never become a demonstration; what can be read of
it is kept in `recovered/` for whoever wants it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hilctl.data import layout
from hilctl.data.header import opened
from hilctl.data.own_numbers import dataset_of, datasets_in, has_link
from hilctl.data.step import Outcome
from hilctl.data.writer import PARTIAL, RECOVERED, EpisodeFile
from hilctl.errors import DamagedDataError
from hilctl.task.files import os_errors

BROKEN = ".broken"
_MIN_ROWS = 2  # the last row only serves as the observation after the one before it


@dataclass(frozen=True)
class RecoveredFile:
    """What became of an unfinished file.

    Attributes:
        partial: its name when it was found.
        path: where it is now; None = removed, there was nothing in it.
        steps: that could be read back.
    """

    partial: Path
    path: Path | None
    steps: int


def recover_partials(directory: Path) -> list[RecoveredFile]:
    """Put away every unfinished episode of a folder, and say what became of it.

    Readable ones go to `recovered/` with the outcome "aborted", empty ones are removed and
    unreadable ones renamed to `.broken`. Call it with the folder locked.

    Raises:
        HilctlError: the folder cannot be written.
    """
    return [_recover(path) for path in sorted(directory.glob(f"episode_*{PARTIAL}"))]


def _recover(partial: Path) -> RecoveredFile:
    try:
        with opened(partial) as group:
            columns, attributes = _rows(group), _plain(group.attrs)
    except DamagedDataError:
        return _put_aside(partial)
    steps = len(columns[layout.STAMP_COLUMN]) - 1 if columns else 0
    if steps < 1:
        with os_errors(partial):
            partial.unlink()
        return RecoveredFile(partial, None, 0)
    path = partial.parent / RECOVERED / partial.name.removesuffix(PARTIAL)
    with os_errors(path):
        path.with_name(path.name + PARTIAL).unlink(missing_ok=True)
    _rewrite(path, columns, attributes)
    with os_errors(partial):
        partial.unlink()
    return RecoveredFile(partial, path, steps)


def _put_aside(partial: Path) -> RecoveredFile:
    broken = partial.with_name(partial.name.removesuffix(PARTIAL) + BROKEN)
    with os_errors(partial):
        partial.rename(broken)
    return RecoveredFile(partial, broken, 0)


def _rows(group: h5py.Group) -> dict[str, NDArray[Any]]:
    """Read the rows that every dataset has; none if there are fewer than two."""
    wanted = [*layout.STEP_COLUMNS, layout.STAMP_COLUMN]
    if not all(has_link(group, name) for name in (*wanted, "obs", layout.FRAME_STAMPS.strip("/"))):
        return {}
    if has_link(group, layout.LABELS):
        wanted.append(layout.LABELS)
    datasets = {name: dataset_of(group, name) for name in wanted}
    for prefix in ("obs/", layout.FRAME_STAMPS):
        for name in datasets_in(group, prefix.strip("/")):
            datasets[prefix + name] = dataset_of(group[prefix], name)
    rows = min(len(dataset) for dataset in datasets.values())
    if rows < _MIN_ROWS:
        return {}
    return {name: dataset[:rows] for name, dataset in datasets.items()}


def _plain(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes that a writer can have written."""
    kinds = (str, bool, int, float, np.generic)
    return {
        key: value
        for key, value in attributes.items()
        if isinstance(value, kinds) and _is_text(key + str(value))
    }


def _is_text(text: str) -> bool:
    """Return whether a text can be written: bytes that are no UTF-8 come as halves of pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _rewrite(path: Path, columns: Mapping[str, NDArray[Any]], attributes: dict[str, Any]) -> None:
    file = EpisodeFile(path, attributes)
    per_observation = (layout.STAMP_COLUMN, layout.FRAME_STAMPS)
    final = {
        name.replace("obs/", "final_obs/", 1): rows[-1:]
        for name, rows in columns.items()
        if name.startswith("obs/")
    }
    file.append(
        {
            name: rows if name.startswith(per_observation) else rows[:-1]
            for name, rows in columns.items()
        }
        | final
    )
    file.finish({"outcome": Outcome.ABORTED.value})
