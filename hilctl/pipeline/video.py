"""Videos of episodes: all cameras side by side."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from hilctl.data.step import EpisodeSummary, Observation, Step
from hilctl.errors import DataError
from hilctl.task.files import os_errors

SCALE = 2  # 128 px pictures are small on a screen


class VideoRecorder:
    """Write one MP4 an episode, named by number and outcome.

    Args:
        folder: made if missing.
        rate_hz: frames a second.
    """

    def __init__(self, folder: Path, rate_hz: float) -> None:
        self._folder = folder
        self._rate_hz = rate_hz
        self._episode = 0
        self._frames: list[np.ndarray] = []

    def on_episode_start(self) -> None:
        """Start a new film."""
        self._episode += 1
        self._frames = []

    def on_step(self, step: Step) -> None:
        """Add a frame."""
        if not self._frames:
            self._frames.append(side_by_side(step.observation))
        self._frames.append(side_by_side(step.next_observation))

    def on_episode_end(self, summary: EpisodeSummary) -> None:
        """Write the film.

        Raises:
            DataError: the file cannot be written.
        """
        with os_errors(self._folder):
            self._folder.mkdir(exist_ok=True)
        path = self._folder / f"episode_{self._episode:03d}_{summary.outcome}.mp4"
        height, width = self._frames[0].shape[:2]
        codec = cv2.VideoWriter.fourcc(*"mp4v")
        writer = cv2.VideoWriter(str(path), codec, self._rate_hz, (width, height))
        if not writer.isOpened():
            raise DataError("the video cannot be written", where=str(path))
        try:
            for frame in self._frames:
                writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        finally:
            writer.release()


def side_by_side(observation: Observation) -> np.ndarray:
    """Return all cameras' pictures in a row, enlarged, (H, W, 3) RGB."""
    images = list(observation.images.values())
    height = max(image.shape[0] for image in images)
    padded = [np.pad(i, ((0, height - i.shape[0]), (0, 0), (0, 0))) for i in images]
    row = np.concatenate(padded, axis=1)
    return np.repeat(np.repeat(row, SCALE, axis=0), SCALE, axis=1)
