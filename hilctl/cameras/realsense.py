"""The colour stream of an Intel RealSense camera, or of a recording that one made."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, cast

import numpy as np
from pydantic import Field

from hilctl.cameras.base import FactoryLens
from hilctl.cameras.drained import DrainedCamera, DrainedOptions, chosen
from hilctl.cameras.reader import Image, PictureSource
from hilctl.devices import Address, Finding, Options
from hilctl.errors import DeviceError

MISSING = 'pip install "hilctl[realsense]"'
PICTURE_MS = 1500
SYSTEM_LIBUSB = "libusb-1.0.so.0"
# the colour sensor counts exposure in 0.1 ms, the stereo module, which is the D405's colour
# sensor, in microseconds
RGB_TICK_S, STEREO_TICK_S = 1e-4, 1e-6
MODELS = {
    "distortion.brown_conrady": "plumb_bob",
    "distortion.modified_brown_conrady": "plumb_bob",
    "distortion.kannala_brandt4": "fisheye",
}


class RealsenseOptions(DrainedOptions):
    """Which RealSense, and what its colour stream is like."""

    serial: str | None = Field(
        default=None, description="which one, where there are several: `hilctl doctor` lists them"
    )
    file: Annotated[Path | None, Address()] = Field(
        default=None, description="a recording of the RealSense Viewer to play in its place"
    )


class RealsenseCamera(DrainedCamera):
    """A RealSense by its serial."""

    OptionsType: ClassVar[type[Options]] = RealsenseOptions

    @classmethod
    def probe(cls, options: Options) -> list[Finding]:
        """List the cameras that are plugged in."""
        try:
            return usb_findings(_library())
        except DeviceError as error:
            return [Finding(False, "realsense", error.message, error.hint)]

    @classmethod
    def found(cls) -> list[tuple[Options, str]]:
        """Return every one that is plugged in, by its serial."""
        return [
            (RealsenseOptions(serial=serial), f"{name}, serial {serial}")
            for serial, name in plugged_in(_library())
        ]

    @property
    def _settings(self) -> RealsenseOptions:
        return cast(RealsenseOptions, self.options)

    def device(self) -> str:
        """Return the serial, or the path of the recording.

        Raises:
            DeviceError: none is plugged in, or it is not said which one is meant.
        """
        if self._settings.file is not None:
            return str((self.rig.folder / self._settings.file.expanduser()).resolve())
        return chosen(self._settings.serial, plugged_in(_library()), "RealSense", "realsense")

    @classmethod
    def label(cls, device: str) -> str:
        """Return what it is called in messages."""
        return f"the RealSense {device}"

    def connector(self, device: str) -> Callable[[], PictureSource]:
        """Return what opens it."""
        return partial(RealsenseSource, device, self._settings)


class RealsenseSource(PictureSource):
    """The colour stream of one.

    Args:
        device: its serial, or the path of a recording.
        options: what is asked of it.

    Raises:
        DeviceError: it is not there, or has no such stream.
    """

    def __init__(self, device: str, options: RealsenseOptions) -> None:
        rs = self._rs = _library()
        self._label = RealsenseCamera.label(device)
        config = self._config(device, options)
        self._pipeline = rs.pipeline()
        try:
            profile = self._pipeline.start(config)
        except RuntimeError as error:
            raise DeviceError(
                f"{self._label} cannot be opened: {error}",
                hint="plug it into a USB 3 port, with the cable that came with it, and end other "
                "programs that use it; `rs-enumerate-devices` lists the sizes and rates it has",
            ) from None
        self.serial = profile.get_device().get_info(rs.camera_info.serial_number)
        self._stream = profile.get_stream(rs.stream.color).as_video_stream_profile()
        if self._stream.format() not in (rs.format.rgb8, rs.format.bgr8):
            self.close()
            raise DeviceError(
                f"{self._label} has pictures in {self._stream.format()}, and RGB8 or BGR8 is read",
                hint="record it again with that format of its colour stream",
            )
        self._is_bgr = self._stream.format() == rs.format.bgr8
        self._sensor = self._colour_sensor(profile.get_device())
        self._begin_with_automatics(options)

    def read(self) -> Image | None:
        """Return the next picture.

        Raises:
            DeviceError: none comes.
        """
        try:
            frame = self._pipeline.wait_for_frames(PICTURE_MS).get_color_frame()
        except RuntimeError as error:
            raise DeviceError(f"{self._label} sends nothing: {error}") from None
        if not frame:
            return None
        picture = np.asanyarray(frame.get_data())  # its memory is librealsense's
        return np.array(picture[:, :, ::-1] if self._is_bgr else picture, np.uint8)

    def close(self) -> None:
        """Stop it."""
        self._pipeline.stop()

    def controls(self) -> dict[str, float]:
        """Return those of its controls that it has."""
        there = {name: option for name, option in self._options() if self._sensor.supports(option)}
        told = {name: float(self._sensor.get_option(option)) for name, option in there.items()}
        if "exposure_s" in told:
            told["exposure_s"] *= self._tick_s
        return told

    def fix(self, controls: Mapping[str, float]) -> dict[str, float]:
        """Switch automatics off and set controls."""
        option = self._rs.option
        for automatic, named in (
            (option.enable_auto_exposure, "exposure_s"),
            (option.enable_auto_white_balance, "white_balance_k"),
        ):
            if named in controls and self._sensor.supports(automatic):
                self._sensor.set_option(automatic, 0.0)
        for name, one in self._options():
            if name in controls and self._sensor.supports(one):
                value = controls[name] / (self._tick_s if name == "exposure_s" else 1.0)
                span = self._sensor.get_option_range(one)
                self._sensor.set_option(one, min(max(value, span.min), span.max))
        return self.controls()

    def factory_lens(self) -> FactoryLens | None:
        """Return the lens that Intel has measured, where OpenCV has its model of distortion."""
        lens = self._stream.get_intrinsics()
        # rectified streams have none, whatever the model is called
        model = MODELS.get(str(lens.model)) or ("plumb_bob" if not any(lens.coeffs) else None)
        if model is None:
            return None
        coefficients = tuple(lens.coeffs[:4] if model == "fisheye" else lens.coeffs)
        return FactoryLens(
            (lens.fx, lens.fy), (lens.ppx, lens.ppy), coefficients, model, (lens.width, lens.height)
        )

    def _config(self, device: str, options: RealsenseOptions) -> Any:
        rs, config = self._rs, self._rs.config()
        if options.file is not None:
            if not Path(device).is_file():
                raise DeviceError(
                    f"there is no recording {device}", hint="mend `file` of the camera in task.yaml"
                )
            rs.config.enable_device_from_file(config, device, repeat_playback=True)
            config.enable_stream(rs.stream.color)
            return config
        config.enable_device(device)
        width, height = options.resolution or (640, 480)
        rate_hz = round(options.fps or 30)
        config.enable_stream(rs.stream.color, width, height, rs.format.rgb8, rate_hz)
        return config

    def _colour_sensor(self, device: Any) -> Any:
        """Return the sensor that colour comes from: on a D405 that is the stereo module."""
        color = self._rs.stream.color
        return next(
            sensor
            for sensor in device.query_sensors()
            if any(profile.stream_type() == color for profile in sensor.get_stream_profiles())
        )

    @property
    def _tick_s(self) -> float:
        name = self._sensor.get_info(self._rs.camera_info.name)
        return STEREO_TICK_S if "Stereo" in name else RGB_TICK_S

    def _options(self) -> list[tuple[str, Any]]:
        option = self._rs.option
        return [
            ("exposure_s", option.exposure),
            ("gain", option.gain),
            ("white_balance_k", option.white_balance),
        ]

    def _begin_with_automatics(self, options: RealsenseOptions) -> None:
        option = self._rs.option
        for automatic in (option.enable_auto_exposure, option.enable_auto_white_balance):
            if self._sensor.supports(automatic) and not self._sensor.is_option_read_only(automatic):
                self._sensor.set_option(automatic, 1.0)
        if options.exposure_s is not None:
            self.fix({"exposure_s": options.exposure_s})


def usb_findings(rs: Any) -> list[Finding]:
    """Return every RealSense on this computer, and whether its port is fast enough.

    Raises:
        DeviceError: they cannot be looked for.
    """
    info, findings = rs.camera_info, []
    slow = "plug it into a USB 3 port, with the cable that came with it"
    for device in _devices(rs):
        about = f"{device.get_info(info.name)}, serial {device.get_info(info.serial_number)}"
        kind = info.usb_type_descriptor
        usb = device.get_info(kind) if device.supports(kind) else ""
        is_slow = usb.startswith("2")
        detail = f"{about}, USB {usb}" if usb else about
        findings.append(Finding(not is_slow, "realsense", detail, slow if is_slow else None))
    return findings


def plugged_in(rs: Any) -> list[tuple[str, str]]:
    """Return serial and name of every RealSense on this computer.

    Raises:
        DeviceError: they cannot be looked for.
    """
    info = rs.camera_info
    return [
        (device.get_info(info.serial_number), device.get_info(info.name)) for device in _devices(rs)
    ]


def _devices(rs: Any) -> list[Any]:
    try:
        return list(rs.context().query_devices())
    except RuntimeError as error:
        raise DeviceError(
            f"RealSense cameras cannot be looked for: {error}",
            hint="their udev rules give the right to: "
            "https://github.com/realsenseai/librealsense/blob/master/config/"
            "99-realsense-libusb.rules, to be put into /etc/udev/rules.d",
        ) from None


def _library() -> Any:
    """Return librealsense.

    Raises:
        DeviceError: it is not installed.
    """
    try:
        ctypes.CDLL(SYSTEM_LIBUSB, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        with suppress(ImportError, OSError):
            import libusb_package

            ctypes.CDLL(str(libusb_package.get_library_path()), mode=ctypes.RTLD_GLOBAL)
    try:
        import pyrealsense2
    except ImportError as error:
        raise DeviceError(f"pyrealsense2 cannot be used: {error}", hint=MISSING) from error
    return pyrealsense2
