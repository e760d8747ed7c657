"""What every camera driver promises."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pytest

from hilctl.cameras import CAMERAS
from hilctl.cameras.base import Camera, Frame
from hilctl.devices import Rig
from hilctl.errors import DeviceError, StaleFrameError
from hilctl.registry import Registry
from hilctl.testing.devices import DeviceContract, DriverChoice, unmarked_texts

COEFFICIENTS = {"plumb_bob": 5, "rational_polynomial": 8, "fisheye": 4}
MAX_AGE_S = 0.2
SOON_S = 10.0  # for what a busy computer may do late


def fresh(camera: Camera) -> Frame:
    """Return a frame as soon as there is one, and see that it is not older than asked."""
    clock = camera.rig.clock
    end_ns = clock.now_ns() + round(SOON_S * 1e9)
    while True:
        asked_ns = clock.now_ns()
        try:
            frame = camera.latest(max_age_s=MAX_AGE_S)
        except StaleFrameError:
            if asked_ns > end_ns:
                raise
            clock.sleep_until(asked_ns + 20_000_000)
        else:
            assert asked_ns - MAX_AGE_S * 1e9 <= frame.stamp_ns <= clock.now_ns()
            return frame


class CameraContract(DeviceContract):
    """Tests of a camera that looks at something with light on it.

    Attributes:
        exposure_shows: a longer exposure makes lighter pictures; an emulator may draw as before.
    """

    registry: ClassVar[Registry[Any]] = CAMERAS
    exposure_shows: bool = True

    @pytest.fixture
    def camera(self, device: Camera) -> Camera:
        """The camera, open."""
        return device

    def change_view(self, rig: Rig) -> bool:
        """Let the camera see something else; return whether that can be done."""
        return False

    def test_what_a_person_may_write_freely_is_an_address(self, driver: DriverChoice) -> None:
        assert unmarked_texts(self.registry.options_type(driver.type)) == [], "mark with Address()"

    def test_frames_are_colour_pictures_of_the_size_that_was_told(self, camera: Camera) -> None:
        image = fresh(camera).image
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert image.shape[2] == 3
        size = camera.frame_size(camera.options)
        if size is not None:
            assert image.shape[:2] == (size[1], size[0])

    def test_frames_show_something(self, camera: Camera) -> None:
        image = fresh(camera).image
        assert image.std() > 10
        assert len(np.unique(image.reshape(-1, 3), axis=0)) > 20

    def test_frames_are_not_older_than_asked_and_stamps_go_forward(self, camera: Camera) -> None:
        clock, stamps = camera.rig.clock, []
        for _ in range(4):
            stamps.append(fresh(camera).stamp_ns)
            clock.sleep_until(clock.now_ns() + 100_000_000)
        assert all(b > a for a, b in pairwise(stamps))

    def test_a_frame_that_was_given_away_does_not_change(self, camera: Camera, rig: Rig) -> None:
        frame = fresh(camera)
        kept = frame.image.copy()
        changed = self.change_view(rig)
        rig.clock.sleep_until(rig.clock.now_ns() + 100_000_000)
        later = fresh(camera)
        np.testing.assert_array_equal(frame.image, kept)
        if changed:
            assert (later.image != kept).any()

    def test_a_camera_that_is_not_open_says_so(self, driver: DriverChoice) -> None:
        with pytest.raises(DeviceError):
            self.build(driver, Rig()).latest(max_age_s=MAX_AGE_S)

    def test_what_a_camera_says_of_its_controls_it_takes_back(self, camera: Camera) -> None:
        controls = camera.controls()
        assert all(isinstance(value, float) for value in controls.values())
        assert camera.fix(controls) == pytest.approx(controls)
        assert camera.controls() == pytest.approx(controls)

    def test_half_the_exposure_is_half_the_light(self, camera: Camera) -> None:
        controls = self._with_exposure(camera)
        before = fresh(camera).image.mean()
        taken = camera.fix({**controls, "exposure_s": controls["exposure_s"] / 2})
        assert taken["exposure_s"] == pytest.approx(controls["exposure_s"] / 2)
        if not self.exposure_shows:
            return
        assert fresh(camera).image.mean() == pytest.approx(before / 2, rel=0.05)

    def test_a_camera_that_is_opened_again_begins_with_its_automatics(self, camera: Camera) -> None:
        controls = self._with_exposure(camera)
        camera.fix({**controls, "exposure_s": controls["exposure_s"] / 2})
        camera.close()
        camera.open()
        assert camera.controls() == pytest.approx(controls)

    def test_a_serial_stays_the_same(self, camera: Camera) -> None:
        before = camera.serial
        camera.close()
        camera.open()
        assert camera.serial == before

    def test_a_lens_that_the_maker_describes_is_for_the_frames_it_delivers(
        self, camera: Camera
    ) -> None:
        lens = camera.factory_lens()
        if lens is None:
            pytest.skip("its driver has nothing from its maker")
        height, width = fresh(camera).image.shape[:2]
        assert lens.size_px == (width, height)
        assert lens.centre_px == pytest.approx((width / 2, height / 2), rel=0.2)
        assert min(lens.focal_px) > 0.2 * width
        assert len(lens.distortion) == COEFFICIENTS[lens.model]

    def _with_exposure(self, camera: Camera) -> dict[str, float]:
        controls = camera.controls()
        if "exposure_s" not in controls:
            pytest.skip("its driver cannot set the exposure")
        return controls
