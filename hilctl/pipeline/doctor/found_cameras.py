"""Cameras that are plugged in, whether a task names them or not, with a still of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from hilctl.cameras import CAMERAS
from hilctl.cameras.base import STILL_MAX_AGE_S, Camera
from hilctl.cameras.drained import DrainedCamera
from hilctl.devices import Finding, Options, Rig
from hilctl.driver_faults import attended
from hilctl.errors import HilctlError
from hilctl.task.files import os_errors
from hilctl.task.sections import CameraSpec

SUBJECT = "camera found"
NO_LETTERS, MOST_LETTERS = r"\W+", 80  # in the name of a still


def examine_cameras(
    stills: Path, named: Mapping[str, CameraSpec], folder: Path | None = None
) -> Iterator[Finding]:
    """Yield every camera that is plugged in; those that no task names are opened for a still.

    Args:
        stills: folder of the stills.
        named: the cameras of a task, which are tried on their own.
        folder: of the task.
    """
    known = {device for block in named.values() if (device := _device(block, folder))}
    for name in CAMERAS.names():
        found: list[tuple[Options, str]] = []
        with suppress(ImportError, HilctlError):  # its library is not installed
            found = CAMERAS.get(name).found()
        for options, words in found:
            if f"{name} {_device_of(name, options)}" in known:
                yield Finding(True, SUBJECT, f"{name}: {words}: it is one of the task's")
            else:
                yield _looked_through(name, options, words, stills)


def keep_still(camera: Camera, file: Path) -> Path:
    """Write what a camera sees now, as JPEG, and return the file.

    Raises:
        DeviceError: it shows nothing.
        HilctlError: the file cannot be written.
    """
    import cv2

    image = camera.latest(max_age_s=STILL_MAX_AGE_S).image
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    with os_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(jpeg.tobytes())
    return file


def _looked_through(name: str, options: Options, words: str, stills: Path) -> Finding:
    file = stills / f"{re.sub(NO_LETTERS, '-', f'{name} {words}')[:MOST_LETTERS]}.jpg"
    camera = attended(f"camera {words}", CAMERAS.get(name), options, Rig())
    try:
        with camera:
            keep_still(camera, file)
    except HilctlError as error:
        return Finding(False, SUBJECT, f"{name}: {words}: {error.message}", error.hint)
    return Finding(True, SUBJECT, f"{name}: {words}; a still: {file}")


def _device(block: CameraSpec, folder: Path | None) -> str:
    """Return which device a task's camera is, "" where that cannot be told."""
    found = ""
    with suppress(ImportError, HilctlError):
        found = _device_of(block.type, block.options, folder)
    return f"{block.type} {found}" if found else ""


def _device_of(name: str, options: Options, folder: Path | None = None) -> str:
    driver = CAMERAS.get(name)
    if not issubclass(driver, DrainedCamera):
        return ""
    return driver(options, Rig(folder=folder)).device()
