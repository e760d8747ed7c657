"""What tests of cameras do with them: open one, wait until it says this or that."""

from __future__ import annotations

import time
from typing import Any

from hilctl.cameras import CAMERAS
from hilctl.cameras.base import Camera, Frame
from hilctl.devices import Rig
from hilctl.errors import DeviceError, StaleFrameError

PATIENCE_S = 20.0


def camera_of(source: object, rig: Rig | None = None, **options: Any) -> Camera:
    """Return a camera that is not yet open."""
    cls = CAMERAS.get("opencv")
    return cls(cls.OptionsType(source=source, **options), rig or Rig())


def says(camera: Camera, words: str, max_age_s: float = 0.2) -> DeviceError:
    """Wait until a camera refuses a frame in these words, and return the refusal."""
    last = None
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            camera.latest(max_age_s=max_age_s)
        except StaleFrameError as error:
            last = error
            if words in error.message:
                return error
        time.sleep(0.02)
    raise AssertionError(f"it never said {words!r}, last {last}")


def fresh(camera: Camera, max_age_s: float = 0.2) -> Frame:
    """Wait for a frame of that age at most: also a busy computer may have none at once."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return camera.latest(max_age_s=max_age_s)
        except StaleFrameError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
