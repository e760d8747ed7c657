"""Write an episode so that it is either there, whole, or named as unfinished.

Rows go to `episode_000001.hdf5.partial`, flushed every ten steps: after a kill that much can be
read back. Committing means: on the disk, then renamed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import h5py
import numpy as np

import hilctl
from hilctl.data import layout
from hilctl.data.disk import GuardedFile
from hilctl.data.step import EpisodeSummary, Outcome, Step
from hilctl.task.files import os_errors

Kind = Literal["demo", "label", "rollout"]

PARTIAL = ".partial"
RECOVERED = "recovered"
REMOVED = "removed"  # by a person, who may want one back: its number stays taken
REQUIRED_ATTRIBUTES = ("task_fingerprint", "task_identity", "operator")
_FLUSH_STEPS = 10
_IDLE_NORM = 1e-3  # of the executed action, which is in [-1, 1]


class EpisodeFile:
    """Append rows to an episode file that gets its name only when it is complete.

    Args:
        path: where the finished file will be.
        attributes: what is known beforehand; mappings and lists are stored as JSON.

    Raises:
        HilctlError: the folder cannot be written.
    """

    def __init__(self, path: Path, attributes: Mapping[str, Any]) -> None:
        self.path = path
        with os_errors(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._disk = GuardedFile(path.with_name(path.name + PARTIAL))
        self._file = h5py.File(self._disk, "w")
        self._group = self._file.create_group(layout.GROUP)
        self._group.create_group(layout.FRAME_STAMPS)
        self._rows = layout.GrowingRows(self._group)
        self._set({**attributes, "format": layout.FORMAT, "versions": versions()})
        self._flush()

    def append(self, columns: Mapping[str, layout.Rows]) -> None:
        """Add rows and flush them.

        Raises:
            HilctlError: the disk is full or gone; the unfinished file is removed.
        """
        self._rows.append(columns)
        self._flush()

    def finish(self, attributes: Mapping[str, Any]) -> Path:
        """Complete the file, wait until it is on the disk and give it its name.

        Raises:
            HilctlError: the disk is full or gone; the unfinished file is removed.
        """
        layout.link_next_observations(self._group)
        self._set({**attributes, "num_samples": len(self._group["actions"])})
        self._file.close()
        self._disk.publish(self.path)
        return self.path

    def abandon(self) -> None:
        """Remove the unfinished file; idempotent."""
        if not self._disk.closed:
            self._file.close()
            self._disk.remove()

    def _set(self, attributes: Mapping[str, Any]) -> None:
        for key, value in attributes.items():
            plain = isinstance(value, str | bool | int | float | np.generic)
            self._group.attrs[key] = value if plain else json.dumps(value, sort_keys=True)

    def _flush(self) -> None:
        self._file.flush()
        if self._disk.error is not None:
            self.abandon()
        self._disk.check()


class EpisodeWriter:
    """Write one episode, step by step; leaving its block without a commit discards it.

    Args:
        directory: folder of the episodes; made if missing.
        kind: "demo", "label" (keeps a label a step) or "rollout".
        attributes: of the whole episode: task_fingerprint, task_identity, operator, and whatever
            else is worth knowing (seed, renderer, ...).
        number: of the episode; None = the next free one.
        trim_idle: leave out the leading steps in which nothing moved; None = in demos only.

    Raises:
        HilctlError: the folder cannot be written.
        ValueError: an attribute is missing, or the number is taken.
    """

    def __init__(
        self,
        directory: Path,
        *,
        kind: Kind,
        attributes: Mapping[str, Any],
        number: int | None = None,
        trim_idle: bool | None = None,
    ) -> None:
        if missing := [key for key in REQUIRED_ATTRIBUTES if key not in attributes]:
            raise ValueError(f"episode attributes missing: {missing}")
        path = directory / episode_name(next_number(directory) if number is None else number)
        if path.exists():
            raise ValueError(f"{path} exists already")
        self.steps = 0
        self._keeps_labels = kind == "label"
        self._trims_idle = kind == "demo" if trim_idle is None else trim_idle
        self._last: Step | None = None
        self._pending: list[tuple[Step, int, layout.Packed]] = []
        self._file = EpisodeFile(path, {**attributes, "kind": kind})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.discard()

    def on_step(self, step: Step, label: int = -1) -> None:
        """Write one step; every tenth reaches the disk with those before it.

        Args:
            step: whose observation is the last one's next observation.
            label: of its next observation: 1 success, 0 failure, -1 neither; kept in files of
                kind "label".

        Raises:
            HilctlError: the disk is full or gone; the unfinished file is removed.
            ValueError: the step does not follow the last one.
        """
        if self._trims_idle and self._last is None and _is_idle(step):
            return
        if self._last is not None and not _follows(step, self._last):
            raise ValueError("an episode's steps must be contiguous")
        self._last = step
        self._pending.append((step, label, layout.packed(step.observation)))
        self.steps += 1
        if len(self._pending) == _FLUSH_STEPS:
            self._write()

    def commit(self, ending: EpisodeSummary | Outcome) -> Path:
        """Finish the file and return its path; once returned, a power cut does not lose it.

        Raises:
            HilctlError: the disk is full or gone; the unfinished file is removed.
            ValueError: there are no steps.
        """
        if self._last is None:
            raise ValueError("an episode without steps cannot be committed")
        self._write()
        self._file.append(layout.final_columns(self._last.next_observation))
        return self._file.finish(_ending_attributes(ending))

    def discard(self) -> None:
        """Leave nothing behind; idempotent, and nothing after a commit."""
        self._file.abandon()

    def _write(self) -> None:
        if not self._pending:
            return
        steps, labels, frames = zip(*self._pending, strict=True)
        columns = layout.columns_of(steps, frames)
        if self._keeps_labels:
            columns[layout.LABELS] = np.array(labels, np.int8)
        self._pending.clear()
        self._file.append(columns)


def episode_name(number: int) -> str:
    """Return the file name of an episode."""
    return f"episode_{number:06d}.hdf5"


def next_number(directory: Path) -> int:
    """Return one more than any episode ever begun in a folder, finished, removed or neither."""
    folders = (directory, directory / RECOVERED, directory / REMOVED)
    names = [name for folder in folders for name in _names(folder)]
    numbers = [int(match[1]) for name in names if (match := re.match(r"episode_(\d+)\.", name))]
    return max(numbers, default=0) + 1


def versions() -> dict[str, str]:
    """Return the versions of what wrote a file."""
    return {
        "hilctl": hilctl.__version__,
        "numpy": np.__version__,
        "h5py": h5py.__version__,
    }


def _names(directory: Path) -> Sequence[str]:
    return [path.name for path in directory.iterdir()] if directory.is_dir() else []


def _ending_attributes(ending: EpisodeSummary | Outcome) -> dict[str, Any]:
    if isinstance(ending, Outcome):
        return {"outcome": ending.value}
    known = {} if ending.true_success is None else {"true_success": ending.true_success}
    return {
        **known,
        "outcome": ending.outcome.value,
        "judged_success": ending.judged_success,
        "vetoed": ending.vetoed,
        "claimed": ending.claimed,
        "duration_s": ending.duration_s,
    }


def _is_idle(step: Step) -> bool:
    ends = step.terminated or step.truncated
    return not ends and float(np.linalg.norm(step.executed_action)) < _IDLE_NORM


def _follows(step: Step, last: Step) -> bool:
    return step.observation.stamp_ns == last.next_observation.stamp_ns
