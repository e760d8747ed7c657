"""Basler's own emulated cameras; the library is not among those that tests install."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from looking import fresh, says
from video_server import picture

from hilctl.cameras import CAMERAS
from hilctl.cameras.base import Camera
from hilctl.cameras.basler import BaslerCamera, BaslerOptions, BaslerSource
from hilctl.devices import Rig
from hilctl.errors import DeviceError

os.environ["PYLON_CAMEMU"] = "2"
SIZE = (160, 120)


def basler(**options: object) -> Camera:
    cls = CAMERAS.get("basler")
    return cls(cls.OptionsType(**options), Rig())


@pytest.fixture(autouse=True)
def _library() -> None:
    if not any("Emulation" in one.detail for one in BaslerCamera.probe(BaslerOptions())):
        pytest.skip("pypylon is not installed")


@pytest.fixture
def camera() -> Iterator[Camera]:
    with basler(serial="0815-0000", resolution=SIZE, fps=30) as opened:
        yield opened


def of(camera: Camera, question):  # type: ignore[no-untyped-def]
    """Ask the camera's own source something."""

    def ask(source: BaslerSource) -> object:
        return question(source._camera)

    return camera._reader().ask(ask)  # type: ignore[attr-defined]


def test_which_one_is_meant_has_to_be_said_where_there_are_several() -> None:
    with pytest.raises(DeviceError, match="2 Basler cameras are plugged in") as refusal:
        basler().open()
    assert "serial: '0815-0000'" in (refusal.value.hint or "")
    with pytest.raises(DeviceError, match="no Basler with serial 4711") as refusal:
        basler(serial="4711").open()
    assert "0815-0001" in (refusal.value.hint or "")


def test_an_exposure_that_is_asked_for_is_set() -> None:
    with basler(serial="0815-0001", exposure_s=0.004, resolution=SIZE) as camera:
        assert camera.controls()["exposure_s"] == pytest.approx(0.004)


def test_a_size_that_it_does_not_have_is_refused() -> None:
    with pytest.raises(DeviceError, match="cannot deliver 8000×600 px: Width: up to 4096"):
        basler(serial="0815-0001", resolution=(8000, 600)).open()


def test_a_rate_that_is_asked_for_is_kept(camera: Camera) -> None:
    stamps: set[int] = set()
    while len(stamps) < 30:
        stamps.add(fresh(camera).stamp_ns)
        time.sleep(0.005)
    assert np.median(np.diff(sorted(stamps))) * 1e-9 == pytest.approx(1 / 30, rel=0.2)


def test_pictures_that_did_not_arrive_whole_are_not_shown(camera: Camera) -> None:
    of(camera, lambda one: one.ForceFailedBufferCount.SetValue(20))
    of(camera, lambda one: one.ForceFailedBuffer.Execute())
    says(camera, "damaged")
    fresh(camera)


def test_colours_are_rgb(camera: Camera, tmp_path: os.PathLike[str]) -> None:
    file = os.path.join(tmp_path, "card.png")
    cv2.imwrite(file, cv2.cvtColor(picture(0), cv2.COLOR_RGB2BGR))

    def show(one) -> None:  # type: ignore[no-untyped-def]
        one.StopGrabbing()
        one.PixelFormat.SetValue("BGR8Packed")
        one.ImageFilename.SetValue(file)
        one.ImageFileMode.SetValue("On")
        one.TestImageSelector.SetValue("Off")
        one.StartGrabbing()

    of(camera, show)
    time.sleep(0.5)
    np.testing.assert_allclose(fresh(camera).image, picture(0), atol=2)
