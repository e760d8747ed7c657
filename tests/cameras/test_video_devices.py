"""Video devices, with OpenCV's capture and Linux's list of cameras faked: none is here."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from fake_capture import FakeUsb, FakeWebcam
from looking import camera_of, fresh, says

from hilctl.cameras.video_devices import video_devices
from hilctl.devices import Rig
from hilctl.errors import DeviceError


@pytest.fixture
def usb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeUsb:
    return FakeUsb(tmp_path, monkeypatch)


def test_pictures_are_rgb_and_of_the_size_that_was_asked_for(usb: FakeUsb) -> None:
    usb.plug_in(0, FakeWebcam("A1"))
    with camera_of(0, resolution=(320, 240)) as camera:
        image = fresh(camera).image
        assert image.shape == (240, 320, 3)
        assert image[-1, -1, 0] > image[-1, 0, 0] + 80  # red grows to the right
        assert camera.serial == "A1"


def test_a_size_that_the_camera_does_not_have_is_refused(usb: FakeUsb) -> None:
    usb.plug_in(0, FakeWebcam("A1"))
    with pytest.raises(DeviceError, match="delivers 160×120 px, not 640×480") as refusal:
        camera_of(0, resolution=(640, 480)).open()
    assert "list-formats" in (refusal.value.hint or "")


def test_a_number_and_a_path_are_one_device(usb: FakeUsb, tmp_path: Path) -> None:
    usb.plug_in(0, FakeWebcam("A1"))
    lasting = tmp_path / "usb-Webcam_A1-video-index0"
    lasting.symlink_to("/dev/video0")
    rig = Rig()
    with camera_of(0, rig), camera_of("/dev/video0", rig), camera_of(str(lasting), rig):
        assert len(rig.shared) == 1


def test_an_exposure_is_in_seconds_and_shows(usb: FakeUsb) -> None:
    usb.plug_in(0, FakeWebcam("A1"))
    with camera_of(0) as camera:
        assert camera.controls() == pytest.approx({"exposure_s": 0.01, "gain": 0.0})
        before = fresh(camera).image.mean()
        assert camera.fix({"exposure_s": 0.005})["exposure_s"] == pytest.approx(0.005)
        assert fresh(camera).image.mean() == pytest.approx(before / 2, rel=0.1)


def test_a_camera_begins_with_its_automatics_whatever_was_set_before(usb: FakeUsb) -> None:
    usb.plug_in(0, FakeWebcam("A1"))
    with camera_of(0) as camera:
        camera.fix({"exposure_s": 0.005})
    with camera_of(0) as camera:
        assert camera.controls()["exposure_s"] == pytest.approx(0.01)
    with camera_of(0, exposure_s=0.002) as camera:
        assert camera.controls()["exposure_s"] == pytest.approx(0.002)


def test_an_exposure_that_is_not_taken_is_refused(usb: FakeUsb) -> None:
    usb.plug_in(0, FakeWebcam("A1", stuck_exposure=True))
    with pytest.raises(DeviceError, match=r"does not take an exposure of 0\.002 s; it has 0\.01 s"):
        camera_of(0, exposure_s=0.002).open()


def test_controls_are_held_when_it_was_unplugged_and_is_back(usb: FakeUsb) -> None:
    webcam = FakeWebcam("A1")
    usb.plug_in(0, webcam)
    with camera_of(0) as camera:
        camera.fix({"exposure_s": 0.005})
        usb.unplug(0)
        says(camera, "no new picture")
        says(camera, "there is no camera")
        webcam.settings.clear()
        usb.plug_in(0, webcam)
        fresh(camera)
        assert camera.controls()["exposure_s"] == pytest.approx(0.005)


def test_another_camera_that_comes_to_its_path_is_not_taken_for_it(usb: FakeUsb) -> None:
    first, second = FakeWebcam("A1"), FakeWebcam("B2", usb="1-2")
    usb.plug_in(0, first)
    with camera_of(0) as camera:
        usb.unplug(0)
        usb.plug_in(0, second)
        says(camera, "another camera is in its place, serial B2 instead of A1")
        usb.unplug(0)
        usb.plug_in(0, first)
        fresh(camera)


def test_a_camera_that_is_not_there_names_those_that_are(usb: FakeUsb) -> None:
    usb.plug_in(3, FakeWebcam("A1"))
    with pytest.raises(DeviceError, match="there is no camera /dev/video77") as refusal:
        camera_of(77).open()
    assert refusal.value.hint == "there is Webcam at /dev/video3, serial A1"


def test_a_person_who_may_not_is_told_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, flags: int) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(os, "open", refuse)
    camera = camera_of(0)
    with pytest.raises(DeviceError, match="may not use /dev/video0") as refusal:
        camera.open()
    assert "usermod -aG video" in (refusal.value.hint or "")


def test_what_linux_knows_of_a_camera_is_listed_without_its_metadata_node(usb: FakeUsb) -> None:
    usb.plug_in(0, FakeWebcam("A1"))
    usb.plug_in(1, FakeWebcam("A1", usb="1-7"))
    node = next(iter(Path(video_devices.__globals__["SYSFS"]).glob("video1"))).resolve()
    (node / "index").write_text("1\n")
    (found,) = video_devices()
    assert (found.serial, found.usb_mbit_s, found.usb_bus) == ("A1", 480, 1)


def test_a_pipeline_needs_an_opencv_that_has_gstreamer() -> None:
    with pytest.raises(DeviceError, match="pipeline") as refusal:
        camera_of("videotestsrc ! appsink", backend="gstreamer").open()
    assert "GStreamer" in (refusal.value.hint or "")
