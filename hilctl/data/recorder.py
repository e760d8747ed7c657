"""Keep the episodes of a loop on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hilctl.data.index import rebuild_index
from hilctl.data.step import EpisodeSummary, Step
from hilctl.data.writer import EpisodeWriter, Kind
from hilctl.task.files import os_errors
from hilctl.task.same_folder import SameFolder

_MIN_STEPS = 2


def made_to_stay(directory: Path) -> SameFolder:
    """Make a folder, if it is missing, that must stay where it is while episodes are written.

    Raises:
        HilctlError: it cannot be made.
    """
    with os_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        return SameFolder(directory)


class EpisodeRecorder:
    """Write every episode of a loop that is worth keeping, and keep the index up to date.

    Discarded episodes leave nothing behind, nor do demonstrations and labels of a single step.
    Rollouts get no index: they come by the hundred, and it is theirs to build who wants to read
    them from outside.

    Args:
        directory: folder of the episodes; made if missing.
        kind: "demo", "label" or "rollout".
        attributes: of every episode, see `EpisodeWriter`.
        trim_idle: see `EpisodeWriter`.
        notes: what is known of each episode when it begins, in addition.

    Attributes:
        committed: the files written so far, in order.
    """

    def __init__(
        self,
        directory: Path,
        *,
        kind: Kind,
        attributes: Mapping[str, Any],
        trim_idle: bool | None = None,
        notes: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self.committed: list[Path] = []
        self._directory = directory
        self._kind: Kind = kind
        self._attributes = attributes
        self._trim_idle = trim_idle
        self._notes = notes
        self._writer: EpisodeWriter | None = None
        self._folder = made_to_stay(directory)

    def on_episode_start(self) -> None:
        """Open the next file; an episode that never ended is discarded.

        Raises:
            HilctlError: the folder cannot be written.
        """
        self.close()
        self._folder.check()
        self._writer = EpisodeWriter(
            self._directory,
            kind=self._kind,
            attributes={**self._attributes, **self._notes()},
            trim_idle=self._trim_idle,
        )

    def on_step(self, step: Step, label: int = -1) -> None:
        """Write one step.

        Raises:
            HilctlError: the disk is full or gone.
        """
        self._open_writer().on_step(step, label)

    def on_episode_end(self, summary: EpisodeSummary) -> None:
        """Commit the episode and renew the index, or discard it.

        Raises:
            HilctlError: the disk is full or gone.
        """
        writer = self._open_writer()
        if summary.discarded or (self._kind != "rollout" and writer.steps < _MIN_STEPS):
            self.close()
            return
        self._folder.check()
        self.committed.append(writer.commit(summary))
        self._writer = None
        if self._kind != "rollout":
            rebuild_index(self._directory)

    def close(self) -> None:
        """Discard an episode that has not ended; idempotent."""
        if self._writer is not None:
            self._writer.discard()
            self._writer = None

    def _open_writer(self) -> EpisodeWriter:
        if self._writer is None:
            raise RuntimeError("on_episode_start was not called")
        return self._writer
