"""Films of episodes: readable, complete, in the right colours, named by what happened."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from hilctl.data.step import EpisodeSummary, Observation, Outcome, Step
from hilctl.errors import DataError
from hilctl.pipeline.video import SCALE, VideoRecorder, side_by_side

RED, BLUE = (220, 20, 20), (20, 20, 220)


def seen(index: int) -> Observation:
    """Return two cameras of different sizes: a red one, and one that turns from black to blue."""
    blue = np.zeros((32, 64, 3), np.uint8)
    blue[:, :] = [int(c * index / 5) for c in BLUE]
    red = np.full((48, 64, 3), RED, np.uint8)
    return Observation({"wrist": red, "side": blue}, {}, index, {})


def film(recorder: VideoRecorder, outcome: Outcome, steps: int = 5) -> None:
    recorder.on_episode_start()
    for index in range(steps):
        step = Step(seen(index), np.zeros(6), None, None, False, seen(index + 1), 0.0, False, False)
        recorder.on_step(step)
    recorder.on_episode_end(EpisodeSummary(outcome, steps, steps * 0.1, 0, False, None))


def frames_of(path: Path) -> tuple[list[np.ndarray], float]:
    video = cv2.VideoCapture(str(path))
    frames = []
    while True:
        there, frame = video.read()
        if not there:
            break
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    return frames, video.get(cv2.CAP_PROP_FPS)


def test_a_film_has_every_frame_of_its_episode_at_the_control_rate(tmp_path: Path) -> None:
    film(VideoRecorder(tmp_path / "videos", 10), Outcome.SUCCESS)
    frames, rate_hz = frames_of(tmp_path / "videos" / "episode_001_success.mp4")
    assert len(frames) == 6
    assert rate_hz == pytest.approx(10)
    assert frames[0].shape == (48 * SCALE, 128 * SCALE, 3)


def test_colours_and_order_of_cameras_survive(tmp_path: Path) -> None:
    film(VideoRecorder(tmp_path, 10), Outcome.FAILURE)
    frames, _ = frames_of(tmp_path / "episode_001_failure.mp4")
    last = frames[-1].astype(int)
    left, right = last[20:40, 20:100].mean((0, 1)), last[20:40, 150:230].mean((0, 1))
    np.testing.assert_allclose(left, RED, atol=30)
    np.testing.assert_allclose(right, BLUE, atol=30)


def test_each_episode_is_a_film_of_its_own(tmp_path: Path) -> None:
    recorder = VideoRecorder(tmp_path, 10)
    film(recorder, Outcome.SUCCESS)
    film(recorder, Outcome.FAILURE, steps=3)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["episode_001_success.mp4", "episode_002_failure.mp4"]
    assert len(frames_of(tmp_path / names[1])[0]) == 4


def test_a_smaller_picture_is_padded_not_stretched() -> None:
    row = side_by_side(seen(5))
    assert (row[: 32 * SCALE, 64 * SCALE :] == BLUE).all()
    assert (row[32 * SCALE :, 64 * SCALE :] == 0).all()


def test_a_film_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    recorder = VideoRecorder(tmp_path, 10)
    (tmp_path / "episode_001_success.mp4").mkdir()
    with pytest.raises(DataError, match="cannot be written"):
        film(recorder, Outcome.SUCCESS)
