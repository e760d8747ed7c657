"""An episode as a film: pictures of all cameras in a row, with what went on, at its own pace."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hilctl.data.episode import Episode
from hilctl.data.step import Observation
from hilctl.errors import DataError, UsageError
from hilctl.pipeline.evaluate.video import side_by_side, write_film
from hilctl.task.files import os_errors
from hilctl.task.leftovers import temporary_beside

RATES_HZ = (1.0, 60.0)
LABELS = {1: "success", 0: "no success"}


@dataclass(frozen=True)
class EpisodeFilm:
    """The film of an episode of T steps: T + 1 pictures.

    Attributes:
        episode: that it shows.
        rate_hz: pictures a second, as they were taken.
    """

    episode: Episode
    rate_hz: float

    @classmethod
    def of(cls, path: Path) -> Self:
        """Read an episode.

        Raises:
            DataError: it is unreadable, or has no pictures.
        """
        episode = Episode.read(path)
        if not episode.cameras:
            hint = "replay it on the robot: --on-robot"
            raise DataError("the episode has no pictures", where=str(path), hint=hint)
        span_s = (int(episode.stamps_ns[-1]) - int(episode.stamps_ns[0])) * 1e-9
        low, high = RATES_HZ
        rate_hz = len(episode) / span_s if span_s > 0 else low
        return cls(episode, min(max(rate_hz, low), high))

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.episode) + 1

    @property
    def about(self) -> dict[str, Any]:
        """What is known of the whole, as plain JSON."""
        header = self.episode.header
        return {
            "episode": str(header.path),
            "kind": header.kind,
            "outcome": header.outcome.value,
            "operator": str(header.attributes["operator"]),
            "steps": len(self.episode),
            "seconds": len(self.episode) / self.rate_hz,
            "human_steps": int(self.episode.intervened.sum()),
            "cameras": self.episode.cameras,
        }

    def picture(self, index: int) -> NDArray[np.uint8]:
        """Return a picture, (H, W, 3) RGB of even height and width."""
        images = {name: self.episode.images(name)[index] for name in self.episode.cameras}
        return side_by_side(Observation(images, {}, 0, {}))

    def caption(self, index: int) -> str:
        """Return what went on just before a picture was taken."""
        episode, steps = self.episode, len(self.episode)
        parts = [f"step {index}/{steps}", f"{index / self.rate_hz:.1f} s"]
        if index == 0:
            return " · ".join(parts)
        before = index - 1
        if episode.intervened[before]:
            parts.append("human")
        if np.isfinite(episode.probability[before]):
            parts.append(f"success {episode.probability[before]:.0%}")
        if episode.labels is not None and episode.labels[before] in LABELS:
            parts.append(f"label {LABELS[episode.labels[before]]}")
        if index == steps:
            parts.append(str(episode.header.outcome))
        return " · ".join(parts)


def write_video(film: EpisodeFilm, file: Path) -> None:
    """Write a film as MP4, in one stroke.

    Raises:
        UsageError: the name does not end in .mp4, or its folder is not there.
        HilctlError: the disk is full or the folder cannot be written.
    """
    if file.suffix.lower() != ".mp4":
        hint = f"--video {file.with_suffix('.mp4') if file.name else 'episode.mp4'}"
        raise UsageError(f"a video's name ends in .mp4, not {file.name!r}", hint=hint)
    if not file.parent.is_dir():
        raise UsageError(f"there is no folder {file.parent}", where=str(file.parent))
    temporary = temporary_beside(file)
    frames = [film.picture(index) for index in range(len(film))]
    with os_errors(file):
        try:
            write_film(temporary, frames, film.rate_hz)
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)
