"""The episodes of a folder, all of the same task."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from hilctl.data.episode import Episode
from hilctl.data.header import EpisodeHeader
from hilctl.data.index import episode_paths
from hilctl.data.step import Outcome
from hilctl.errors import DataError
from hilctl.task.fingerprint import explain_difference
from hilctl.task.layout import ActionLayout


class Dataset:
    """A folder of episodes of one task; their headers are read, their rows on demand.

    Args:
        headers: of the episodes, in the order they were recorded.
    """

    def __init__(self, headers: Sequence[EpisodeHeader]) -> None:
        self.headers = tuple(headers)

    @classmethod
    def open(
        cls,
        root: Path,
        *,
        expect_fingerprint: str | None,
        expect_identity: Mapping[str, Any] | None = None,
        expect_actions: ActionLayout | None = None,
    ) -> Self:
        """Open a folder; one that does not exist has no episodes.

        Args:
            root: the folder.
            expect_fingerprint: of the task at hand; None = whatever is there.
            expect_identity: what that fingerprint is of, to name the differences.
            expect_actions: layout of the actions of the task at hand; None = whatever is there.

        Raises:
            DataError: a file is unreadable or of another task.
        """
        headers = [EpisodeHeader.read(path) for path in episode_paths(root)]
        _refuse_others(headers, expect_fingerprint, expect_identity, expect_actions)
        return cls(headers)

    @classmethod
    def of_readable(cls, root: Path) -> Self:
        """Open the episodes of a folder that can be read, whatever task they are of."""
        headers = []
        for path in episode_paths(root):
            with contextlib.suppress(DataError):
                headers.append(EpisodeHeader.read(path))
        return cls(headers)

    @property
    def paths(self) -> list[Path]:
        """The episode files, in the order they were recorded."""
        return [header.path for header in self.headers]

    def __len__(self) -> int:
        """Return the number of episodes."""
        return len(self.headers)

    def episodes(self, where: Callable[[EpisodeHeader], bool] | None = None) -> Iterator[Episode]:
        """Read the episodes one after the other.

        Args:
            where: chooses by header; None = all of them.

        Raises:
            DataError: a file is unreadable.
        """
        for header in self.headers:
            if where is None or where(header):
                yield Episode.read(header.path)

    def summary(self) -> dict[Outcome, int]:
        """Return the number of episodes for every outcome."""
        counts = Counter(header.outcome for header in self.headers)
        return {outcome: counts[outcome] for outcome in Outcome}


def _refuse_others(
    headers: Sequence[EpisodeHeader],
    fingerprint: str | None,
    identity: Mapping[str, Any] | None,
    actions: ActionLayout | None,
) -> None:
    others = [
        (header, difference)
        for header in headers
        if (difference := _difference_of(header, fingerprint, actions))
    ]
    if not others:
        return
    first, difference = others[0]
    lines = [difference]
    if identity is not None:
        lines += explain_difference(identity, first.task_identity)
    if len(others) > 1:
        lines.append(f"(and {len(others) - 1} more such files)")
    raise DataError(
        "\n  ".join(lines),
        where=str(first.path),
        hint="move these files elsewhere and record anew, or put task.yaml back as it was, "
        "and crops that were chosen: hilctl calibrate roi",
    )


def _difference_of(
    header: EpisodeHeader, fingerprint: str | None, actions: ActionLayout | None
) -> str | None:
    if actions is not None and (told := header.action_layout.difference(actions)):
        return f"{header.path.name} was recorded with {told}"
    if fingerprint is not None and header.task_fingerprint != fingerprint:
        return "recorded for another task"
    return None
