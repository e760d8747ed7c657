"""A RealSense by a recording of its own library."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from looking import fresh

from hilctl.cameras import CAMERAS
from hilctl.cameras.base import Camera
from hilctl.cameras.drained import chosen
from hilctl.cameras.realsense import usb_findings
from hilctl.devices import Rig
from hilctl.errors import DeviceError

pytest.importorskip("libusb_package", reason="the extra realsense is not installed")

from realsense_recorder import FOCAL_PX, record
from video_server import SIZE_PX, picture


def realsense(file: Path | None = None, rig: Rig | None = None, **options: object) -> Camera:
    cls = CAMERAS.get("realsense")
    return cls(cls.OptionsType(file=file, **options), rig or Rig())


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("realsense") / "wrist.db3"
    record(path, "047322070107")
    return path


def test_its_serial_its_lens_and_its_colours_are_read(recording: Path) -> None:
    with realsense(recording) as camera:
        assert camera.serial == "047322070107"
        lens = camera.factory_lens()
        assert lens is not None
        assert (lens.model, lens.size_px) == ("plumb_bob", SIZE_PX)
        assert lens.focal_px == (FOCAL_PX, FOCAL_PX)
        assert lens.distortion[0] == pytest.approx(0.01)
        lower = slice(SIZE_PX[1] // 2, None)
        np.testing.assert_array_equal(fresh(camera).image[lower], picture(0)[lower])


def test_a_recording_goes_on_from_its_beginning(recording: Path) -> None:
    with realsense(recording) as camera:
        time.sleep(1.5)  # it lasts a second
        before = fresh(camera)
        time.sleep(0.2)
        assert fresh(camera).stamp_ns > before.stamp_ns


def test_two_crops_of_one_camera_share_it(recording: Path) -> None:
    rig = Rig()
    with realsense(recording, rig) as near, realsense(recording, rig) as far:
        assert len(rig.shared) == 1
        assert fresh(near).stamp_ns <= fresh(far).stamp_ns


def test_a_path_beside_the_task_file_is_found(recording: Path) -> None:
    with realsense(Path(recording.name), Rig(folder=recording.parent)) as camera:
        assert camera.serial is not None


def test_a_recording_that_is_not_there_or_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="no recording"):
        realsense(tmp_path / "none.db3").open()
    (tmp_path / "odd.db3").write_bytes(b"odd")
    with pytest.raises(DeviceError, match="cannot be opened") as refusal:
        realsense(tmp_path / "odd.db3").open()
    assert refusal.value.hint is not None


def test_pictures_that_are_packed_otherwise_are_refused(tmp_path: Path) -> None:
    record(tmp_path / "odd.db3", "047322070107", pictures=3, packing="yuyv")
    with pytest.raises(DeviceError, match="yuyv") as refusal:
        realsense(tmp_path / "odd.db3").open()
    assert refusal.value.hint is not None


def test_no_camera_is_told_in_words() -> None:
    for options in ({}, {"serial": "123"}):
        with pytest.raises(DeviceError, match="RealSense") as refusal:
            realsense(**options).open()
        assert refusal.value.hint is not None


def test_which_one_is_meant_is_asked_where_there_are_several() -> None:
    there = [("1", "D405"), ("2", "D435")]
    assert chosen("2", there, "RealSense", "realsense") == "2"
    assert chosen(None, there[:1], "RealSense", "realsense") == "1"
    with pytest.raises(
        DeviceError, match="2 RealSense cameras are plugged in: D405, serial 1; "
    ) as refusal:
        chosen(None, there, "RealSense", "realsense")
    assert "serial: '1'" in (refusal.value.hint or "")


class _Plugged:
    """A device of librealsense, as far as it is asked who it is."""

    def __init__(self, **about: str) -> None:
        self._about = about

    def supports(self, name: str) -> bool:
        return name in self._about

    def get_info(self, name: str) -> str:
        return self._about[name]


def test_a_camera_on_a_slow_port_is_told() -> None:
    devices = [
        _Plugged(name="D435", serial="1", usb="3.2"),
        _Plugged(name="D405", serial="2", usb="2.1"),
        _Plugged(name="L515", serial="3"),
    ]
    info = SimpleNamespace(name="name", serial_number="serial", usb_type_descriptor="usb")
    context = SimpleNamespace(query_devices=lambda: devices)
    found = usb_findings(SimpleNamespace(camera_info=info, context=lambda: context))
    assert [one.ok for one in found] == [True, False, True]
    assert found[1].detail == "D405, serial 2, USB 2.1"
    assert "USB 3 port" in (found[1].hint or "")
