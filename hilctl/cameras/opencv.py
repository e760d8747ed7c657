"""Any camera without a vendor's library: a video device, a network stream or a video file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Literal, cast

from pydantic import Field

from hilctl.cameras.capture import CaptureSource
from hilctl.cameras.drained import DrainedCamera, DrainedOptions
from hilctl.cameras.reader import PictureSource
from hilctl.cameras.stream import FileSource, StreamSource
from hilctl.cameras.video_devices import video_devices
from hilctl.devices import Address, Finding, Options
from hilctl.errors import DeviceError
from hilctl.host_names import without_password


class OpencvOptions(DrainedOptions):
    """Where the pictures come from, and how."""

    source: Annotated[int | str, Address()] = Field(
        description="number of a video device, its path (one in /dev/v4l/by-id stays right), "
        "the address of a stream (http://…, rtsp://…), or a video file",
    )
    backend: Literal["auto", "v4l2", "gstreamer"] = Field(
        default="auto",
        description="what opens a device: v4l2, or gstreamer, for which the source is a pipeline",
    )
    fourcc: Literal["MJPG", "YUYV", "NV12", "UYVY", "H264", "BGR3", "RGB3", "GREY"] | None = Field(
        default=None, description="how a device packs its pictures; absent = its own way"
    )


class OpencvCamera(DrainedCamera):
    """A video device by OpenCV; a stream or a file by FFmpeg."""

    OptionsType: ClassVar[type[Options]] = OpencvOptions

    @classmethod
    def probe(cls, options: Options) -> list[Finding]:
        """List the video devices, where one of them is meant."""
        source = str(cast(OpencvOptions, options).source)
        if "://" in source or not (source.isdigit() or source.startswith("/dev/")):
            return []
        return [Finding(True, "video device", str(device)) for device in video_devices()]

    @classmethod
    def found(cls) -> list[tuple[Options, str]]:
        """Return every video device, by the path that stays right where there is one."""
        return [
            (OpencvOptions(source=one.lasting_path or one.path), str(one))
            for one in video_devices()
        ]

    @property
    def _settings(self) -> OpencvOptions:
        return cast(OpencvOptions, self.options)

    def device(self) -> str:
        """Return the path of a device or file with all links resolved, or the address."""
        source = str(self._settings.source)
        if self._settings.backend == "gstreamer" or "://" in source:
            return source
        if source.isdigit():
            return f"/dev/video{source}"
        path = Path(source).expanduser()
        # what a task brings along lies beside its file
        return str((path if path.is_absolute() else self.rig.folder / path).resolve())

    @classmethod
    def label(cls, device: str) -> str:
        """Return what a device is called in messages: without a password."""
        return without_password(device)

    def connector(self, device: str) -> Callable[[], PictureSource]:
        """Return what opens it.

        Raises:
            DeviceError: something is asked of a stream or file that only a device has.
        """
        options = self._settings
        if options.backend == "gstreamer" or device.startswith("/dev/"):
            return partial(CaptureSource, device, options)
        if options.exposure_s is not None or options.fourcc is not None:
            raise DeviceError(
                f"exposure_s and fourcc cannot be asked of {self.label(device)}",
                hint="leave them out of task.yaml, and set them where the pictures come from",
            )
        if "://" in device:
            return partial(StreamSource, device, options.resolution)
        return partial(FileSource, Path(device), options.resolution)
