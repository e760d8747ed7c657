"""Streams over a real network connection, and everything that can become of them."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from looking import camera_of, fresh, says
from video_server import RATE_HZ, SIZE_PX, FakeCamera, fake_camera, picture

from hilctl.clock import PacedClock, SystemClock
from hilctl.devices import Rig
from hilctl.errors import DeviceError, StaleFrameError


def test_pictures_are_rgb_and_right_in_every_colour(there: FakeCamera) -> None:
    with camera_of(there.url) as camera:
        image = fresh(camera).image
    expected = picture(0)
    lower = slice(SIZE_PX[1] // 2, None)  # where nothing moves
    away = np.abs(image[lower].astype(int) - expected[lower].astype(int))
    assert away.mean() < 3
    assert image[: SIZE_PX[1] // 8, :, 2].max() > 200  # the bar is blue


def test_the_newest_picture_is_at_hand_however_seldom_one_looks(there: FakeCamera) -> None:
    with camera_of(there.url) as camera:
        ages_s = []
        for _ in range(5):
            time.sleep(0.2)  # six pictures have come meanwhile
            asked_ns = time.monotonic_ns()
            frame = camera.latest(max_age_s=10.0)
            ages_s.append((asked_ns - frame.stamp_ns) * 1e-9)
        # of those six it is one of the last; a busy computer may be late, but not each time
        assert min(ages_s[1:]) < 4 / RATE_HZ


def test_stamps_are_told_by_the_rigs_clock(there: FakeCamera) -> None:
    class Late(SystemClock):
        def now_ns(self) -> int:
            return super().now_ns() + 10**15

    rig = Rig()
    rig.clock = PacedClock(Late(), SystemClock())
    with camera_of(there.url, rig) as camera:
        stamp_ns = fresh(camera).stamp_ns
        assert 0 <= rig.clock.now_ns() - stamp_ns < 10**10


def test_looking_never_waits(there: FakeCamera) -> None:
    with camera_of(there.url) as camera:
        there.fault = "stalls"
        begin = time.monotonic()
        for _ in range(100):
            try:
                camera.latest(max_age_s=0.2)
            except StaleFrameError:
                continue
        assert time.monotonic() - begin < 15  # a hundred looks; waits would be 20 s


def test_a_stream_that_stalls_is_refused_at_once_and_goes_on_by_itself(there: FakeCamera) -> None:
    with camera_of(there.url) as camera:
        there.fault = "stalls"
        says(camera, "it is there, and sends none")
        refusal = says(camera, "has sent nothing for")
        assert there.url in refusal.message
        assert refusal.hint is not None
        there.fault = ""
        fresh(camera)
        assert there.viewers > 1


def test_a_camera_that_is_unplugged_is_said_so_and_its_return_is_seen(there: FakeCamera) -> None:
    with camera_of(there.url) as camera:
        there.unplug()
        refusal = says(camera, "Connection refused")
        assert refusal.hint is not None
        assert "cable" in refusal.hint
        time.sleep(1.0)
        there.plug_in()
        begin = time.monotonic()
        fresh(camera)
        assert time.monotonic() - begin < 30


def test_a_camera_that_refuses_is_not_asked_more_and_more(there: FakeCamera) -> None:
    with camera_of(there.url) as camera:
        there.fault = "hangs up"
        before = there.viewers
        says(camera, "no new picture")
        time.sleep(3.0)
        assert there.viewers - before <= 6


def test_a_picture_that_freezes_is_noticed_though_new_ones_keep_coming(there: FakeCamera) -> None:
    with camera_of(there.url, frozen_after_s=0.5) as camera:
        there.fault = "repeats"
        refusal = says(camera, "the same to the last bit")
        assert refusal.hint is not None
        assert "frozen_after_s" in refusal.hint
        there.fault = ""
        fresh(camera)


def test_a_still_picture_can_be_allowed(there: FakeCamera) -> None:
    with camera_of(there.url, frozen_after_s=None) as camera:
        there.fault = "repeats"
        time.sleep(1.0)
        fresh(camera)


def test_half_a_picture_never_passes_for_a_whole_one(there: FakeCamera) -> None:
    with camera_of(there.url) as camera:
        there.fault = "halves"
        says(camera, "damaged")
        there.fault = ""
        image = fresh(camera).image
        assert image[-4:, :, 1].mean() > 240  # the lowest rows are there


def test_noise_in_place_of_pictures_is_no_picture(there: FakeCamera) -> None:
    with camera_of(there.url) as camera:
        there.fault = "garbles"
        says(camera, "no new picture")
        there.fault = ""
        fresh(camera)


def test_pictures_of_another_size_are_refused_until_it_is_the_old_one(there: FakeCamera) -> None:
    with camera_of(there.url) as camera:
        there.fault = "shrinks"
        says(camera, "its pictures have 80×60 px now, and had 160×120")
        there.fault = ""
        assert fresh(camera).image.shape == (120, 160, 3)


def test_a_size_that_is_not_delivered_is_refused_when_it_is_opened(there: FakeCamera) -> None:
    with (
        pytest.raises(DeviceError, match="160×120 px, not of 640×480") as refusal,
        camera_of(there.url, resolution=(640, 480)),
    ):
        pass
    assert refusal.value.hint is not None


def test_a_camera_that_is_not_there_is_told_in_words() -> None:
    with fake_camera() as camera:
        url = camera.url
    with pytest.raises(DeviceError, match="cannot be opened: Connection refused") as refusal:
        camera_of(url).open()
    assert "address" in (refusal.value.hint or "")


def test_a_password_is_used_and_never_shown(there: FakeCamera) -> None:
    there.password = "secret"
    with camera_of(there.url.replace("://", "://me:secret@")) as camera:
        there.unplug()
        assert "secret" not in str(says(camera, "no new picture"))
        there.plug_in()
    with pytest.raises(DeviceError) as refusal:
        camera_of(there.url.replace("://", "://me:wrong@")).open()
    assert "wrong" not in refusal.value.message


def test_two_cameras_that_name_one_device_share_it(there: FakeCamera) -> None:
    rig = Rig()
    near, far = camera_of(there.url, rig), camera_of(there.url, rig)
    with near, far:
        assert there.viewers == 1
        near.close()
        time.sleep(0.3)
        fresh(far)
    assert rig.shared == {}


def test_two_cameras_of_one_device_cannot_want_it_otherwise(there: FakeCamera) -> None:
    rig = Rig()
    with camera_of(there.url, rig), pytest.raises(DeviceError, match="frozen_after_s") as refusal:
        camera_of(there.url, rig, frozen_after_s=1.0).open()
    assert "same options" in (refusal.value.hint or "")


def test_what_only_a_device_has_cannot_be_asked_of_a_stream(there: FakeCamera) -> None:
    with pytest.raises(DeviceError, match="exposure_s"):
        camera_of(there.url, exposure_s=0.01).open()


def test_closing_does_not_wait_for_a_stream_that_hangs(there: FakeCamera) -> None:
    camera = camera_of(there.url)
    camera.open()
    there.fault = "stalls"
    time.sleep(0.1)
    begin = time.monotonic()
    camera.close()
    assert time.monotonic() - begin < 15


def test_a_file_that_is_no_video_is_told(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"no film")
    for name, words in (("film.mp4", "cannot be opened"), ("none.mp4", "no file")):
        with pytest.raises(DeviceError, match=words):
            camera_of(str(tmp_path / name)).open()
