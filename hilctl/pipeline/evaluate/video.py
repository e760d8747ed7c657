"""Videos of episodes: all cameras side by side, as H.264 that browsers and slides play."""

from __future__ import annotations

import re
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import av
import numpy as np

from hilctl.data.step import EpisodeSummary, Observation, Step
from hilctl.task.files import os_errors

SCALE = 2  # 128 px pictures are small on a screen; and H.264 wants even sizes
FILM = re.compile(r"episode_\d+_\w+\.mp4")
QUALITY = {"crf": "20", "preset": "veryfast"}


class VideoRecorder:
    """Write one MP4 an episode, named by number and outcome, in place of an earlier series.

    A context: films lie in a hidden folder beside until `finish`; without it they are removed and
    the earlier ones stay.

    Args:
        folder: of the films.
        rate_hz: frames a second.
    """

    def __init__(self, folder: Path, rate_hz: float) -> None:
        self.folder = folder
        self._new = folder.with_name(f".{folder.name}.new")
        self._old = folder.with_name(f".{folder.name}.old")
        self._rate_hz = rate_hz
        self._episode = 0
        self._frames: list[np.ndarray] = []

    def __enter__(self) -> Self:
        with os_errors(self.folder):
            self._clear_away()
            self._new.mkdir(parents=True)
        return self

    def __exit__(self, *exc: Any) -> None:
        shutil.rmtree(self._new, ignore_errors=True)

    def on_episode_start(self) -> None:
        """Start a new film."""
        self._frames = []

    def on_step(self, step: Step) -> None:
        """Add a frame."""
        if not self._frames:
            self._frames.append(side_by_side(step.observation))
        self._frames.append(side_by_side(step.next_observation))

    def on_episode_end(self, summary: EpisodeSummary) -> None:
        """Write the film; none of an episode that was thrown away.

        Raises:
            HilctlError: the disk is full or the folder cannot be written.
        """
        if summary.discarded or not self._frames:
            return
        self._episode += 1
        path = self._new / f"episode_{self._episode:03d}_{summary.outcome}.mp4"
        with os_errors(path):
            write_film(path, self._frames, self._rate_hz)

    def finish(self) -> list[Path]:
        """Put the films where they belong, in place of those of an earlier series; return them.

        Raises:
            HilctlError: the folder cannot be written.
        """
        with os_errors(self.folder):
            if self.folder.is_dir():
                self.folder.rename(self._old)
            self._new.rename(self.folder)
            self._clear_away()
        return films_in(self.folder)

    def _clear_away(self) -> None:
        """Remove earlier films that have been replaced, or put back those that have not."""
        shutil.rmtree(self._new, ignore_errors=True)
        if not self._old.is_dir():
            return
        if not self.folder.exists():  # killed between the two renames
            self._old.rename(self.folder)
            return
        for path in self._old.iterdir():
            if not FILM.fullmatch(path.name):  # a person's own
                path.rename(self.folder / path.name)
        shutil.rmtree(self._old)


def films_in(folder: Path) -> list[Path]:
    """Return the films of a folder in the order of their episodes; none if it is not there."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if FILM.fullmatch(path.name))


def write_film(path: Path, frames: list[np.ndarray], rate_hz: float) -> None:
    """Write (H, W, 3) RGB frames of even height and width as H.264 in MP4.

    Raises:
        OSError: the file cannot be written.
    """
    height, width = frames[0].shape[:2]
    rate = Fraction(rate_hz).limit_denominator(1000)
    # what a player needs to begin comes first, so that a page need not wait for all of it
    with av.open(path, "w", format="mp4", options={"movflags": "+faststart"}) as film:
        stream = film.add_stream("libx264", rate=rate, options=QUALITY)
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuv420p"  # browsers play no other
        for frame in frames:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        film.mux(stream.encode())


def side_by_side(observation: Observation) -> np.ndarray:
    """Return all cameras' pictures in a row, enlarged, (H, W, 3) RGB."""
    images = list(observation.images.values())
    height = max(image.shape[0] for image in images)
    padded = [np.pad(i, ((0, height - i.shape[0]), (0, 0), (0, 0))) for i in images]
    row = np.concatenate(padded, axis=1)
    return np.repeat(np.repeat(row, SCALE, axis=0), SCALE, axis=1)
