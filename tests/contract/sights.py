"""Cameras without hardware: one on the network, a film, a recording, makers' emulators."""

from __future__ import annotations

import atexit
import importlib.util
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from video_server import RATE_HZ, SIZE_PX, FakeCamera, write_film

FILM_S = 3


@cache
def network_camera() -> FakeCamera:
    """Return a camera on the network that works as long as the tests run."""
    camera = FakeCamera()
    atexit.register(camera.unplug)
    return camera


@cache
def video_file() -> Path:
    """Return a video of what such a camera sees."""
    path = Path(tempfile.mkdtemp(prefix="hilctl-film-")) / "film.mp4"
    write_film(path, round(FILM_S * RATE_HZ))
    return path


def realsense_options() -> list[dict[str, Any]]:
    """Return how a RealSense is opened without one: from its recording, if that can be made."""
    if importlib.util.find_spec("pyrealsense2") is None:
        return []
    return [{"file": str(realsense_recording("0123456789"))}]


@cache
def realsense_recording(serial: str) -> Path:
    """Return a recording of a RealSense that sees such a picture, made by its own library."""
    from realsense_recorder import record

    path = Path(tempfile.mkdtemp(prefix="hilctl-realsense-")) / f"{serial}.db3"
    record(path, serial)
    return path


def basler_options() -> list[dict[str, Any]]:
    """Return how Basler's emulated cameras are opened, where their library is installed."""
    if importlib.util.find_spec("pypylon") is None:
        return []
    os.environ["PYLON_CAMEMU"] = "2"  # how many there are: read when the library is loaded
    return [
        {"serial": f"0815-000{number}", "resolution": SIZE_PX, "fps": RATE_HZ}
        for number in range(2)
    ]
