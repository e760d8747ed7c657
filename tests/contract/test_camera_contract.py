"""What every camera driver promises."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from rigs import OPTIONS, REGISTRIES, build, opened_camera, variants

from hilctl.cameras.base import Camera
from hilctl.devices import Rig
from hilctl.errors import DeviceError
from hilctl.robots.base import Robot

Opened = tuple[Camera, Robot]


@pytest.fixture(params=variants("camera"), ids=str)
def opened(request: pytest.FixtureRequest) -> Iterator[Opened]:
    name, options = request.param
    with opened_camera(name, options) as pair:
        yield pair


def test_frames_are_colour_pictures_of_the_size_that_was_told(opened: Opened) -> None:
    camera, _ = opened
    image = camera.latest(max_age_s=0.2).image
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3
    size = camera.frame_size(camera.options)
    if size is not None:
        assert image.shape[:2] == (size[1], size[0])


def test_frames_show_something(opened: Opened) -> None:
    camera, _ = opened
    image = camera.latest(max_age_s=0.2).image
    assert image.std() > 10
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 20


def test_frames_are_not_older_than_asked_and_stamps_go_forward(opened: Opened) -> None:
    camera, robot = opened
    clock, stamps = robot.rig.clock, []
    for _ in range(4):
        frame = camera.latest(max_age_s=0.2)
        assert 0 <= clock.now_ns() - frame.stamp_ns <= 200_000_000
        stamps.append(frame.stamp_ns)
        clock.sleep_until(clock.now_ns() + 100_000_000)
    assert all(b > a for a, b in pairwise(stamps))


def test_a_frame_that_was_given_away_does_not_change(opened: Opened) -> None:
    camera, robot = opened
    frame = camera.latest(max_age_s=0.2)
    kept = frame.image.copy()
    target = robot.state().tcp_pose.copy()
    target[:2] += 0.03
    robot.move_to(target, speed=0.5)
    later = camera.latest(max_age_s=0.2)
    np.testing.assert_array_equal(frame.image, kept)
    assert (later.image != kept).any()


@pytest.mark.parametrize(("name", "options"), variants("camera"))
def test_a_camera_that_is_not_open_says_so(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(DeviceError):
        build("camera", name, options, Rig()).latest(max_age_s=0.2)


def test_what_a_camera_says_of_its_controls_it_takes_back(opened: Opened) -> None:
    camera, _ = opened
    controls = camera.controls()
    assert all(isinstance(value, float) for value in controls.values())
    assert camera.fix(controls) == pytest.approx(controls)
    assert camera.controls() == pytest.approx(controls)


def test_half_the_exposure_is_half_the_light(opened: Opened) -> None:
    camera, _ = opened
    controls = camera.controls()
    if "exposure_s" not in controls:
        pytest.skip("its driver cannot set the exposure")
    before = camera.latest(max_age_s=0.2).image.mean()
    taken = camera.fix({**controls, "exposure_s": controls["exposure_s"] / 2})
    assert taken["exposure_s"] == pytest.approx(controls["exposure_s"] / 2)
    assert camera.latest(max_age_s=0.2).image.mean() == pytest.approx(before / 2, rel=0.05)


def test_a_camera_that_is_opened_again_begins_with_its_automatics(opened: Opened) -> None:
    camera, _ = opened
    controls = camera.controls()
    if "exposure_s" not in controls:
        pytest.skip("its driver cannot set the exposure")
    camera.fix({**controls, "exposure_s": controls["exposure_s"] / 2})
    camera.close()
    camera.open()
    assert camera.controls() == pytest.approx(controls)


@pytest.mark.parametrize("name", REGISTRIES["camera"].names())
def test_a_serial_is_no_other_devices_and_stays_the_same(name: str) -> None:
    def serials() -> list[str]:
        found = []
        for options in OPTIONS["camera"][name]:
            with opened_camera(name, options) as (camera, _):
                found += [] if camera.serial is None else [camera.serial]
        return found

    assert len(set(serials())) == len(serials())
    assert serials() == serials()


def test_a_lens_that_the_maker_describes_is_for_the_frames_it_delivers(opened: Opened) -> None:
    camera, _ = opened
    lens = camera.factory_lens()
    if lens is None:
        pytest.skip("its driver has nothing from its maker")
    height, width = camera.latest(max_age_s=0.2).image.shape[:2]
    assert lens.size_px == (width, height)
    assert lens.centre_px == pytest.approx((width / 2, height / 2), rel=0.2)
    assert min(lens.focal_px) > 0.2 * width
    expected = {"plumb_bob": 5, "rational_polynomial": 8, "fisheye": 4}
    assert len(lens.distortion) == expected[lens.model]
