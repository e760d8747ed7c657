"""A Basler camera."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar, cast

import numpy as np
from pydantic import Field

from hilctl.cameras.drained import DrainedCamera, DrainedOptions, chosen
from hilctl.cameras.reader import Image, PictureSource
from hilctl.devices import Finding, Options
from hilctl.errors import DeviceError

MISSING = 'pip install "hilctl[basler]"'
PICTURE_MS = 1500
TICK_S = 1e-6
# one setting has other names in older cameras
EXPOSURE = ("ExposureTime", "ExposureTimeAbs")
GAIN = ("Gain", "GainRaw")
RATE = ("AcquisitionFrameRate", "AcquisitionFrameRateAbs")
AUTOMATICS = ("ExposureAuto", "GainAuto", "BalanceWhiteAuto")
COLOUR = ("BayerRG8", "BayerGB8", "BayerGR8", "BayerBG8", "RGB8", "RGB8Packed", "YCbCr422_8")


class BaslerOptions(DrainedOptions):
    """Which Basler camera, and what it delivers."""

    serial: str | None = Field(
        default=None, description="which one, where there are several: `hilctl doctor` lists them"
    )


class BaslerCamera(DrainedCamera):
    """A Basler camera by its serial."""

    OptionsType: ClassVar[type[Options]] = BaslerOptions

    @classmethod
    def probe(cls, options: Options) -> list[Finding]:
        """List the cameras that are plugged in."""
        try:
            found = plugged_in(_library())
        except DeviceError as error:
            return [Finding(False, "basler", error.message, error.hint)]
        return [Finding(True, "basler", f"{name}, serial {serial}") for serial, name in found]

    @classmethod
    def found(cls) -> list[tuple[Options, str]]:
        """Return every one that is plugged in, by its serial."""
        return [
            (BaslerOptions(serial=serial), f"{name}, serial {serial}")
            for serial, name in plugged_in(_library())
        ]

    def device(self) -> str:
        """Return the serial.

        Raises:
            DeviceError: none is plugged in, or it is not said which one is meant.
        """
        wanted = cast(BaslerOptions, self.options).serial
        return chosen(wanted, plugged_in(_library()), "Basler", "basler")

    @classmethod
    def label(cls, device: str) -> str:
        """Return what it is called in messages."""
        return f"the Basler {device}"

    def connector(self, device: str) -> Callable[[], PictureSource]:
        """Return what opens it."""
        return partial(BaslerSource, device, cast(BaslerOptions, self.options))


class BaslerSource(PictureSource):
    """One that sends pictures as fast as it is told to.

    Args:
        serial: of the camera.
        options: what is asked of it.

    Raises:
        DeviceError: it is not there, somebody else has it, or it does not do what is asked.
    """

    def __init__(self, serial: str, options: BaslerOptions) -> None:
        pylon = self._pylon = _library()
        self._label, self.serial = BaslerCamera.label(serial), serial
        wanted = pylon.DeviceInfo()
        wanted.SetSerialNumber(serial)
        try:
            device = pylon.TlFactory.GetInstance().CreateDevice(wanted)
            self._camera = pylon.InstantCamera(device)
            self._camera.Open()
        except pylon.GenericException as error:
            raise DeviceError(
                f"{self._label} cannot be opened: {_first_line(error)}",
                hint="see that it has power and its cable is in, and end other programs that use "
                "it (pylon Viewer)",
            ) from None
        try:
            self._set_up(options)
        except BaseException:
            self.close()
            raise

    def read(self) -> Image | None:
        """Return the next picture; None for one that did not arrive whole.

        Raises:
            DeviceError: none comes.
        """
        pylon = self._pylon
        try:
            grabbed = self._camera.RetrieveResult(PICTURE_MS, pylon.TimeoutHandling_ThrowException)
        except pylon.GenericException as error:
            raise DeviceError(f"{self._label} sends nothing: {_first_line(error)}") from None
        try:
            if not grabbed.GrabSucceeded():
                return None
            return np.array(self._converter.Convert(grabbed).GetArray(), np.uint8)
        finally:
            grabbed.Release()

    def close(self) -> None:
        """Let go of it."""
        self._camera.Close()

    def controls(self) -> dict[str, float]:
        """Return exposure and gain."""
        told = {}
        if (exposure := self._node(EXPOSURE)) is not None:
            told["exposure_s"] = float(exposure.GetValue()) * TICK_S
        if (gain := self._node(GAIN)) is not None:
            told["gain"] = float(gain.GetValue())
        return told

    def fix(self, controls: Mapping[str, float]) -> dict[str, float]:
        """Switch automatics off and set controls."""
        self._set_automatics("Off")
        if "exposure_s" in controls:
            self._set(EXPOSURE, controls["exposure_s"] / TICK_S)
        if "gain" in controls:
            self._set(GAIN, controls["gain"])
        return self.controls()

    def _set_up(self, options: BaslerOptions) -> None:
        pylon = self._pylon
        self._choose_colour()
        if options.resolution is not None:
            self._choose_size(options.resolution)
        if options.fps is not None:
            self._set(("AcquisitionFrameRateEnable",), True)
            self._set(RATE, options.fps)
        self._set_automatics("Continuous")  # a camera keeps what an earlier program has set
        if options.exposure_s is not None:
            self.fix({"exposure_s": options.exposure_s})
        self._converter = pylon.ImageFormatConverter()
        self._converter.OutputPixelFormat = pylon.PixelType_RGB8packed
        self._camera.StartGrabbing(pylon.GrabStrategy_LatestImageOnly)

    def _choose_colour(self) -> None:
        """Let a camera that sees colours send them; one that does not stays grey."""
        node = self._node(("PixelFormat",))
        if node is None:
            return
        there = [name for name in COLOUR if name in node.Symbolics]
        if there and node.GetValue().startswith("Mono"):
            node.SetValue(there[0])

    def _choose_size(self, size_px: tuple[int, int]) -> None:
        """Take the middle of the sensor.

        Raises:
            DeviceError: it has no such size.
        """
        for offset in ("OffsetX", "OffsetY"):
            self._set((offset,), 0)
        for side, px in zip(("Width", "Height"), size_px, strict=True):
            node = self._node((side,))
            if node is None or not node.GetMin() <= px <= node.GetMax():
                most = "it is fixed" if node is None else f"up to {node.GetMax()} px"
                raise DeviceError(
                    f"{self._label} cannot deliver {size_px[0]}×{size_px[1]} px: {side}: {most}",
                    hint="choose another resolution in task.yaml",
                )
            node.SetValue(px - px % node.GetInc())
        for centre in ("CenterX", "CenterY"):
            self._set((centre,), True)

    def _set_automatics(self, word: str) -> None:
        for name in AUTOMATICS:
            node = self._node((name,))
            if node is not None and word in node.Symbolics:
                node.SetValue(word)

    def _set(self, names: Iterable[str], value: Any) -> None:
        """Set the first of these that the camera has, to the nearest it can be."""
        node = self._node(names)
        if node is None:
            return
        if not isinstance(value, bool):
            value = min(max(value, node.GetMin()), node.GetMax())
            value = round(value) if isinstance(node.GetValue(), int) else value
        node.SetValue(value)

    def _node(self, names: Iterable[str]) -> Any:
        """Return the first of these settings that the camera has and lets be changed."""
        from pypylon import genicam

        for name in names:
            with suppress(genicam.GenericException):
                node = getattr(self._camera, name)
                if genicam.IsWritable(node):
                    return node
        return None


def plugged_in(pylon: Any) -> list[tuple[str, str]]:
    """Return serial and model of every Basler camera that can be reached."""
    devices = pylon.TlFactory.GetInstance().EnumerateDevices()
    return [(device.GetSerialNumber(), device.GetModelName()) for device in devices]


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].partition(" : ")[0]


def _library() -> Any:
    """Return pylon.

    Raises:
        DeviceError: it is not installed.
    """
    try:
        if "pypylon.pylon" not in sys.modules:
            with warnings.catch_warnings():
                # it warns while it is imported; as an error, that crashes the process
                warnings.simplefilter("ignore")
                importlib.import_module("pypylon.pylon")
        from pypylon import pylon
    except ImportError as error:
        raise DeviceError(f"pypylon cannot be used: {error}", hint=MISSING) from error
    return pylon
