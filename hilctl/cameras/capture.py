"""A camera of this computer, read by OpenCV."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from hilctl.cameras.reader import Image, PictureSource
from hilctl.cameras.video_devices import video_device, video_devices
from hilctl.errors import DeviceError

if TYPE_CHECKING:
    from hilctl.cameras.opencv import OpencvOptions

# Video4Linux counts exposure in 0.1 ms; 1 is its word for manual, 3 for the usual automatic
TICK_S, MANUAL, AUTOMATIC = 1e-4, 1.0, 3.0
PICTURE_S = 2  # that OpenCV waits for a picture at most; of itself 10


class CaptureSource(PictureSource):
    """A video device.

    Args:
        device: its path, or for GStreamer its pipeline.
        options: what is asked of it.

    Raises:
        DeviceError: it is not there, somebody else has it, or it does not do what is asked.
    """

    def __init__(self, device: str, options: OpencvOptions) -> None:
        os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(PICTURE_S))
        import cv2

        self._cv2, self._label = cv2, device
        by_pipeline = options.backend == "gstreamer"
        backend = cv2.CAP_GSTREAMER if by_pipeline else cv2.CAP_V4L2
        if not by_pipeline:
            _check_access(device)
            known = video_device(device)
            self.serial = (known.serial or None) if known else None
        self._capture = cv2.VideoCapture(device, backend)
        if not self._capture.isOpened():
            raise _not_opened(device, by_pipeline=by_pipeline)
        try:
            self._set_up(options)
        except BaseException:
            self.close()
            raise

    def read(self) -> Image | None:
        """Return the next picture.

        Raises:
            DeviceError: it sends none.
        """
        there, picture = self._capture.read()
        if not there or picture is None:
            raise DeviceError(f"{self._label} has sent nothing, or is unplugged")
        grey = picture.ndim == 2 or picture.shape[2] == 1
        code = self._cv2.COLOR_GRAY2RGB if grey else self._cv2.COLOR_BGR2RGB
        return np.asarray(self._cv2.cvtColor(picture, code), np.uint8)

    def close(self) -> None:
        """Let go of it."""
        self._capture.release()

    def controls(self) -> dict[str, float]:
        """Return those of its controls that it tells."""
        cv2, capture = self._cv2, self._capture
        exposure_s = capture.get(cv2.CAP_PROP_EXPOSURE) * TICK_S
        gain = capture.get(cv2.CAP_PROP_GAIN)
        white_balance_k = capture.get(cv2.CAP_PROP_WB_TEMPERATURE)
        told = {
            "exposure_s": (exposure_s, exposure_s > 0),
            "gain": (gain, gain >= 0),
            "white_balance_k": (white_balance_k, white_balance_k > 0),
        }
        return {name: float(value) for name, (value, there) in told.items() if there}

    def fix(self, controls: Mapping[str, float]) -> dict[str, float]:
        """Switch automatics off and set controls."""
        cv2, capture = self._cv2, self._capture
        if "exposure_s" in controls:
            capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, MANUAL)
            capture.set(cv2.CAP_PROP_EXPOSURE, controls["exposure_s"] / TICK_S)
        if "gain" in controls:
            capture.set(cv2.CAP_PROP_GAIN, controls["gain"])
        if "white_balance_k" in controls:
            capture.set(cv2.CAP_PROP_AUTO_WB, 0.0)
            capture.set(cv2.CAP_PROP_WB_TEMPERATURE, controls["white_balance_k"])
        return self.controls()

    def _set_up(self, options: OpencvOptions) -> None:
        cv2, capture = self._cv2, self._capture
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        if options.fourcc is not None:  # first: which sizes there are depends on it
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*options.fourcc))
        if options.resolution is not None:
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, options.resolution[0])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, options.resolution[1])
        if options.fps is not None:
            capture.set(cv2.CAP_PROP_FPS, options.fps)
        # a camera keeps what an earlier program has set
        capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, AUTOMATIC)
        capture.set(cv2.CAP_PROP_AUTO_WB, 1.0)
        if options.exposure_s is not None:
            taken_s = self.fix({"exposure_s": options.exposure_s}).get("exposure_s", 0.0)
            if abs(taken_s - options.exposure_s) > 0.1 * options.exposure_s:
                raise DeviceError(
                    f"{self._label} does not take an exposure of {options.exposure_s:g} s; "
                    f"it has {taken_s:g} s",
                    hint="choose one that it has, or leave exposure_s out of task.yaml and let "
                    "`hilctl calibrate exposure` hold what it finds",
                )
        self._check_size(options)

    def _check_size(self, options: OpencvOptions) -> None:
        size_px = tuple(
            round(self._capture.get(side))
            for side in (self._cv2.CAP_PROP_FRAME_WIDTH, self._cv2.CAP_PROP_FRAME_HEIGHT)
        )
        if options.resolution in (None, size_px):
            return
        wanted, has = ("×".join(map(str, size)) for size in (options.resolution, size_px))
        raise DeviceError(
            f"{self._label} delivers {has} px, not {wanted}",
            hint="`v4l2-ctl --list-formats-ext -d` and its path lists what it can; large sizes "
            "often need fourcc: MJPG",
        )


def _check_access(path: str) -> None:
    """Check that this person may use a device; OpenCV says no more than that it failed.

    Raises:
        DeviceError: it is not there, or they may not.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    except PermissionError as error:
        raise DeviceError(
            f"this account may not use {path}",
            hint='sudo usermod -aG video "$USER", then log in anew; in a container, give it the '
            "device",
        ) from error
    except OSError as error:
        there = "; ".join(map(str, video_devices()))
        raise DeviceError(
            f"there is no camera {path} ({error.strerror})",
            hint=f"there is {there}" if there else "none is plugged in, as far as Linux knows",
        ) from error


def _not_opened(device: str, *, by_pipeline: bool) -> DeviceError:
    if by_pipeline:
        return DeviceError(
            f"OpenCV cannot open the pipeline {device!r}",
            hint="it needs an OpenCV built with GStreamer, which pip's is not, and `appsink` at "
            "its end",
        )
    return DeviceError(
        f"{device} is there, and cannot be opened as a camera",
        hint="end the other program that uses it (`fuser -v` and its path names it); is it the "
        "camera's second device, for metadata? `hilctl doctor` lists the cameras",
    )
