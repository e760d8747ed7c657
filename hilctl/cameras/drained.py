"""What cameras have in common that a `CameraReader` reads; one device may be several of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, cast

from pydantic import Field

from hilctl.cameras.base import Camera, FactoryLens, Frame
from hilctl.cameras.reader import CameraReader, PictureSource
from hilctl.devices import Options
from hilctl.errors import DeviceError

Side = Annotated[int, Field(ge=16, le=8192)]


class DrainedOptions(Options):
    """What is asked of a camera, whoever made it."""

    resolution: tuple[Side, Side] | None = Field(
        default=None,
        description="[width, height] in px of what it delivers before the crop; absent = its own",
    )
    fps: float | None = Field(
        default=None, gt=0, le=1000, description="pictures a second; absent = its own"
    )
    exposure_s: float | None = Field(
        default=None, gt=0, le=10, description="seconds of exposure; absent = automatic"
    )
    frozen_after_s: float | None = Field(
        default=3.0,
        gt=0,
        le=3600,
        description="seconds of a picture that stays the same to the last bit, after which it "
        "counts as frozen; null = never",
    )


@dataclass
class _Lease:
    """A device that is open, and for how many cameras."""

    reader: CameraReader
    settings: dict[str, Any]
    users: int = 0


class DrainedCamera(Camera):
    """A camera read by a thread. Those of one rig that name one device share it."""

    OptionsType: ClassVar[type[Options]] = DrainedOptions
    in_real_time: ClassVar[bool] = True
    _key: tuple[str, str] | None = None

    @classmethod
    def frame_size(cls, options: Options) -> tuple[int, int] | None:
        """Return the raw (width, height) in px if it is asked for."""
        return cast(DrainedOptions, options).resolution

    @abstractmethod
    def device(self) -> str:
        """Return what the device is called, whatever its options call it.

        Raises:
            DeviceError: there is none, or there are several.
        """

    @abstractmethod
    def connector(self, device: str) -> Callable[[], PictureSource]:
        """Return what opens a device."""

    @classmethod
    def label(cls, device: str) -> str:
        """Return what a device is called in messages."""
        return device

    def open(self) -> None:
        """Open the device, or share it with the camera that has it open.

        Raises:
            DeviceError: it cannot be opened, or is open with other settings.
        """
        if self._key is not None:
            return
        device = self.device()
        key = (type(self).__name__, device)
        label, wanted = self.label(device), self.options.identity()
        lease = self.rig.shared.get(key)
        if lease is None:
            frozen_after_s = cast(DrainedOptions, self.options).frozen_after_s
            reader = CameraReader(
                self.connector(device), lambda: self.rig.clock.now_ns(), label, frozen_after_s
            )
            reader.start()
            lease = self.rig.shared[key] = _Lease(reader, wanted)
        elif lease.settings != wanted:
            raise DeviceError(
                f"two cameras of the task name {label}, with different options: "
                f"{_difference(lease.settings, wanted)}",
                hint="give both the same options in task.yaml: their crops and sizes may differ",
            )
        lease.users += 1
        self._key = key

    def close(self) -> None:
        """Let go of the device; the last camera of it closes it."""
        if self._key is None:
            return
        key, self._key = self._key, None
        lease = self.rig.shared[key]
        lease.users -= 1
        if not lease.users:
            del self.rig.shared[key]
            lease.reader.stop()

    def latest(self, *, max_age_s: float) -> Frame:
        """Return the newest frame.

        Raises:
            StaleFrameError: the newest frame is older than `max_age_s`, or the camera is frozen.
        """
        return self._reader().latest(max_age_s)

    @property
    def serial(self) -> str | None:
        """The device's own.

        Raises:
            DeviceError: the camera is not open.
        """
        return self._reader().serial

    def factory_lens(self) -> FactoryLens | None:
        """Return what is stored in the camera about its lens."""
        return self._reader().ask(lambda source: source.factory_lens())

    def controls(self) -> dict[str, float]:
        """Return exposure and the like as they are now."""
        return self._reader().ask(lambda source: source.controls())

    def fix(self, controls: Mapping[str, float]) -> dict[str, float]:
        """Switch automatics off, hold these controls, and return what the camera then has.

        Raises:
            DeviceError: the camera does not take them.
        """
        return self._reader().fix(controls) if controls else {}

    def _reader(self) -> CameraReader:
        if self._key is None:
            raise DeviceError("the camera is not open")
        lease: _Lease = self.rig.shared[self._key]
        return lease.reader


def chosen(wanted: str | None, there: list[tuple[str, str]], maker: str, type_: str) -> str:
    """Return the serial of the camera that is meant.

    Args:
        wanted: its serial; None = the only one.
        there: serial and name of each.
        maker, type_: what to call them, for a person and in the task file.

    Raises:
        DeviceError: it is not there, or there are several.
    """
    listed = "; ".join(f"{name}, serial {serial}" for serial, name in there)
    serials = [serial for serial, _ in there]
    if wanted is None and len(serials) == 1:
        return serials[0]
    if wanted is None and serials:
        raise DeviceError(
            f"{len(serials)} {maker} cameras are plugged in: {listed}",
            hint=f"say which one: {{type: {type_}, serial: {serials[0]!r}}} in task.yaml",
        )
    if wanted in serials:
        return str(wanted)
    which = f"no {maker} with serial {wanted}" if wanted else f"no {maker}"
    raise DeviceError(
        f"there is {which} on this computer",
        hint=f"there is {listed}"
        if listed
        else "plug it in, into a port of its own; in a container, give it the USB devices",
    )


def _difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    return ", ".join(f"{key} {one[key]} and {other[key]}" for key in one if one[key] != other[key])
