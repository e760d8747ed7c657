"""OpenCV's video capture and Linux's list of cameras, as far as a driver sees them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest
from video_server import picture

from hilctl.cameras import capture, video_devices

LIGHT = 100  # grey level at an exposure of 10 ms


@dataclass
class FakeWebcam:
    """A camera on USB.

    Attributes:
        sizes_px: it delivers nothing else; the first one of itself.
    """

    serial: str
    usb: str = "1-1"
    sizes_px: tuple[tuple[int, int], ...] = ((160, 120), (320, 240))
    plugged_in: bool = True
    stuck_exposure: bool = False
    settings: dict[int, float] = field(default_factory=dict)


class FakeCapture:
    """What stands behind `cv2.VideoCapture`."""

    cameras: ClassVar[dict[str, FakeWebcam]] = {}

    def __init__(self, path: str, backend: int) -> None:
        self._camera = self.cameras.get(path)
        self._number = 0
        self._size_px = self._camera.sizes_px[0] if self._camera else (0, 0)
        self._wanted = list(self._size_px)
        if self._camera is not None:  # settings stay from one program to the next
            self._camera.settings.setdefault(cv2.CAP_PROP_EXPOSURE, 100.0)
            self._camera.settings.setdefault(cv2.CAP_PROP_GAIN, 0.0)

    def isOpened(self) -> bool:
        return self._camera is not None and self._camera.plugged_in

    def release(self) -> None: ...

    def get(self, name: int) -> float:
        if name == cv2.CAP_PROP_FRAME_WIDTH:
            return float(self._size_px[0])
        if name == cv2.CAP_PROP_FRAME_HEIGHT:
            return float(self._size_px[1])
        assert self._camera is not None
        return self._camera.settings.get(name, -1.0)

    def set(self, name: int, value: float) -> bool:
        assert self._camera is not None
        if name in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT):
            self._wanted[int(name == cv2.CAP_PROP_FRAME_HEIGHT)] = int(value)
            if tuple(self._wanted) in self._camera.sizes_px:
                self._size_px = (self._wanted[0], self._wanted[1])
        elif name == cv2.CAP_PROP_EXPOSURE and self._camera.stuck_exposure:
            return False
        else:
            self._camera.settings[name] = value
            if name == cv2.CAP_PROP_AUTO_EXPOSURE and value == 3:
                self._camera.settings[cv2.CAP_PROP_EXPOSURE] = 100.0
        return True

    def read(self) -> tuple[bool, np.ndarray | None]:
        time.sleep(1 / 60)
        camera = self._camera
        if camera is None or not camera.plugged_in:
            return False, None
        self._number += 1
        light = camera.settings[cv2.CAP_PROP_EXPOSURE] / 100
        lit = np.clip(picture(self._number, self._size_px) * 0.4 * light, 0, 255)
        return True, cv2.cvtColor(lit.astype(np.uint8), cv2.COLOR_RGB2BGR)


class FakeUsb:
    """Cameras at the paths that Linux gives them."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._sysfs, self._devices = root / "class", root / "devices"
        self._sysfs.mkdir()
        FakeCapture.cameras = {}
        monkeypatch.setattr(video_devices, "SYSFS", self._sysfs)
        monkeypatch.setattr(video_devices, "BY_ID", root / "by-id")
        monkeypatch.setattr(capture, "_check_access", self._check_access)
        monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)

    def plug_in(self, number: int, camera: FakeWebcam) -> None:
        """Have a camera at /dev/videoN."""
        usb = self._devices / camera.usb
        node = usb / f"{camera.usb}:1.0/video4linux/video{number}"
        node.mkdir(parents=True)
        (usb / "idVendor").write_text("046d\n")
        (usb / "serial").write_text(camera.serial + "\n")
        (usb / "speed").write_text("480\n")
        (usb / "busnum").write_text("1\n")
        (node / "name").write_text("Webcam\n")
        (node / "index").write_text("0\n")
        (node / "device").symlink_to(usb / f"{camera.usb}:1.0")
        (self._sysfs / f"video{number}").symlink_to(node)
        FakeCapture.cameras[f"/dev/video{number}"] = camera
        camera.plugged_in = True

    def unplug(self, number: int) -> None:
        """Take it away."""
        (self._sysfs / f"video{number}").unlink()
        camera = FakeCapture.cameras.pop(f"/dev/video{number}")
        (self._devices / camera.usb).rename(self._devices / f"{camera.usb}-gone-{time.time_ns()}")
        camera.plugged_in = False

    def _check_access(self, path: str) -> None:
        if path not in FakeCapture.cameras:
            _really_check_access(path)


_really_check_access = capture._check_access
