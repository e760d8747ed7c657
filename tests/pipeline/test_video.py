"""Films of episodes: playable in a browser, complete, in the right colours, never of two series."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from hilctl.data.step import EpisodeSummary, Observation, Outcome, Step
from hilctl.errors import DataError, HilctlError
from hilctl.pipeline.evaluate.video import SCALE, VideoRecorder, side_by_side

RED, BLUE = (220, 20, 20), (20, 20, 220)


def seen(index: int, height_px: int = 48) -> Observation:
    """Return two cameras of different sizes: a red one, and one that turns from black to blue."""
    blue = np.zeros((32, 64, 3), np.uint8)
    blue[:, :] = [int(c * index / 5) for c in BLUE]
    red = np.full((height_px, 64, 3), RED, np.uint8)
    return Observation({"wrist": red, "side": blue}, {}, index, {})


def film(recorder: VideoRecorder, outcome: Outcome, steps: int = 5, height_px: int = 48) -> None:
    recorder.on_episode_start()
    for i in range(steps):
        before, after = seen(i, height_px), seen(i + 1, height_px)
        recorder.on_step(Step(before, np.zeros(6), None, None, False, after, 0.0, False, False))
    recorder.on_episode_end(EpisodeSummary(outcome, steps, steps * 0.1, 0, False, None))


def frames_of(path: Path) -> tuple[list[np.ndarray], float]:
    with av.open(path) as video:
        (stream,) = video.streams.video
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(stream)]
        assert stream.average_rate is not None
        return frames, float(stream.average_rate)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_film_has_every_frame_of_its_episode_at_the_control_rate(tmp_path: Path) -> None:
    with VideoRecorder(tmp_path / "videos", 10) as recorder:
        film(recorder, Outcome.SUCCESS)
        recorder.finish()
    frames, rate_hz = frames_of(tmp_path / "videos" / "episode_001_success.mp4")
    assert len(frames) == 6
    assert rate_hz == pytest.approx(10)
    assert frames[0].shape == (48 * SCALE, 128 * SCALE, 3)


@pytest.mark.parametrize("height_px", [48, 33])
def test_a_browser_plays_it(tmp_path: Path, height_px: int) -> None:
    with VideoRecorder(tmp_path / "videos", 10) as recorder:
        film(recorder, Outcome.SUCCESS, height_px=height_px)
        recorder.finish()
    file = tmp_path / "videos" / "episode_001_success.mp4"
    with av.open(file) as video:
        (stream,) = video.streams.video
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
    content = file.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # it starts before all of it is there


def test_colours_and_order_of_cameras_survive(tmp_path: Path) -> None:
    with VideoRecorder(tmp_path / "videos", 10) as recorder:
        film(recorder, Outcome.FAILURE)
        recorder.finish()
    frames, _ = frames_of(tmp_path / "videos" / "episode_001_failure.mp4")
    last = frames[-1].astype(int)
    left, right = last[20:40, 20:100].mean((0, 1)), last[20:40, 150:230].mean((0, 1))
    np.testing.assert_allclose(left, RED, atol=30)
    np.testing.assert_allclose(right, BLUE, atol=30)


def test_every_episode_gets_a_film_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    with VideoRecorder(folder, 10) as recorder:
        film(recorder, Outcome.SUCCESS)
        film(recorder, Outcome.FAILURE, steps=3)
        files = recorder.finish()
    assert names(folder) == ["episode_001_success.mp4", "episode_002_failure.mp4"]
    assert files == [folder / name for name in names(folder)]
    assert len(frames_of(files[1])[0]) == 4


def test_films_of_an_earlier_evaluation_go_when_the_new_ones_are_complete(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    with VideoRecorder(folder, 10) as recorder:
        for _ in range(3):
            film(recorder, Outcome.SUCCESS)
        recorder.finish()
    before = names(folder)
    with VideoRecorder(folder, 10) as recorder:
        film(recorder, Outcome.FAILURE)
        assert names(folder) == before
        recorder.finish()
    assert names(folder) == ["episode_001_failure.mp4"]
    assert names(tmp_path) == ["videos"]


def test_films_of_an_evaluation_that_was_given_up_leave_the_earlier_ones(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    with VideoRecorder(folder, 10) as recorder:
        film(recorder, Outcome.SUCCESS)
        recorder.finish()
    with VideoRecorder(folder, 10) as recorder:
        film(recorder, Outcome.FAILURE)
    assert names(folder) == ["episode_001_success.mp4"]
    assert names(tmp_path) == ["videos"]


def test_what_a_kill_left_is_cleared_away(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    for left_over in (".videos.new", ".videos.old"):
        (tmp_path / left_over).mkdir()
        (tmp_path / left_over / "episode_009_success.mp4").touch()
    with VideoRecorder(folder, 10) as recorder:
        film(recorder, Outcome.SUCCESS)
        recorder.finish()
    assert names(tmp_path) == ["videos"]
    assert names(folder) == ["episode_001_success.mp4"]


def test_a_kill_between_the_two_renames_loses_no_films(tmp_path: Path) -> None:
    old = tmp_path / ".videos.old"
    old.mkdir()
    (old / "episode_001_success.mp4").touch()
    with VideoRecorder(tmp_path / "videos", 10):
        pass
    assert names(tmp_path / "videos") == ["episode_001_success.mp4"]
    assert names(tmp_path) == ["videos"]


def test_a_smaller_picture_is_padded_not_stretched() -> None:
    row = side_by_side(seen(5))
    assert (row[: 32 * SCALE, 64 * SCALE :] == BLUE).all()
    assert (row[32 * SCALE :, 64 * SCALE :] == 0).all()


def test_a_film_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "videos").touch()
    with VideoRecorder(tmp_path / "videos", 10) as recorder:
        film(recorder, Outcome.SUCCESS)
        with pytest.raises(HilctlError, match="videos"):
            recorder.finish()


def test_a_full_disk_is_told_as_one(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs a device that is always full")
    with VideoRecorder(tmp_path / "videos", 10) as recorder:
        (tmp_path / ".videos.new" / "episode_001_success.mp4").symlink_to("/dev/full")
        with pytest.raises(DataError, match="the disk is full"):
            film(recorder, Outcome.SUCCESS)


def test_what_a_person_put_beside_the_films_stays(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    with VideoRecorder(folder, 10) as recorder:
        film(recorder, Outcome.SUCCESS)
        recorder.finish()
    assert names(folder) == ["episode_001_success.mp4", "notes.txt"]


def test_an_episode_that_is_thrown_away_gets_no_film(tmp_path: Path) -> None:
    with VideoRecorder(tmp_path / "videos", 10) as recorder:
        recorder.on_episode_start()
        step = Step(seen(0), np.zeros(6), None, None, False, seen(1), 0.0, False, False)
        recorder.on_step(step)
        recorder.on_episode_end(
            EpisodeSummary(Outcome.FAILURE, 1, 0.1, 0, False, None, discarded=True)
        )
        film(recorder, Outcome.SUCCESS)
        (file,) = recorder.finish()
    assert file.name == "episode_001_success.mp4"
