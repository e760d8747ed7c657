"""The camera contract: the newest frame, never an old one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hilctl.devices import Device, Options

STILL_MAX_AGE_S = 1.0


@dataclass(frozen=True)
class Frame:
    """One picture: (H, W, 3) uint8 RGB and the monotonic time it was taken."""

    image: NDArray[np.uint8]
    stamp_ns: int


@dataclass(frozen=True)
class FactoryLens:
    """What the maker of a camera says of its lens.

    Attributes:
        focal_px: fx, fy.
        centre_px: cx, cy; the centre of the first pixel is (0, 0).
        distortion: coefficients in OpenCV's order.
        model: "plumb_bob" (5 coefficients), "rational_polynomial" (8) or "fisheye" (4).
        size_px: width and height of the raw frames it is for.
    """

    focal_px: tuple[float, float]
    centre_px: tuple[float, float]
    distortion: tuple[float, ...]
    model: str
    size_px: tuple[int, int]


class Camera(Device):
    """A colour camera that delivers raw frames of `frame_size`.

    Attributes:
        in_real_time: it sees the real world: a simulated one does not run ahead of the wall clock.
    """

    in_real_time: ClassVar[bool] = False

    @classmethod
    def frame_size(cls, options: Options) -> tuple[int, int] | None:
        """Return the raw (width, height) in px when the options alone tell it, else None."""
        return None

    @classmethod
    def view(cls, options: Options) -> str | None:
        """Return which camera of the robot's simulated scene it is, None for all others."""
        return None

    @classmethod
    def found(cls) -> list[tuple[Options, str]]:
        """Return how each camera of this kind that is plugged in is opened, and its name in words.

        Raises:
            DeviceError: they cannot be looked for.
        """
        return []

    @classmethod
    def picture_source(cls, options: Options) -> dict[str, str]:
        """Return what decides how pictures look besides the options, on this computer.

        Pictures that differ in it do not belong together.
        """
        return {}

    @abstractmethod
    def latest(self, *, max_age_s: float) -> Frame:
        """Return the newest frame.

        Raises:
            StaleFrameError: the newest frame is older than `max_age_s`.
        """

    def still(self) -> Frame:
        """Return a frame to measure in: as large as the camera can make one of the same view.

        Raises:
            StaleFrameError: there is no new frame.
        """
        return self.latest(max_age_s=STILL_MAX_AGE_S)

    @property
    def serial(self) -> str | None:
        """What tells this camera from all others; None where the driver cannot say.

        Raises:
            DeviceError: the camera is not open.
        """
        return None

    def factory_lens(self) -> FactoryLens | None:
        """Return what is stored in the camera about its lens; None where there is nothing."""
        return None

    def controls(self) -> dict[str, float]:
        """Return exposure and the like as they are now; empty where the driver cannot say.

        The names are `exposure_s`, `gain` and `white_balance_k`, as far as the camera has them.
        """
        return {}

    def fix(self, controls: Mapping[str, float]) -> dict[str, float]:
        """Switch automatics off, hold these controls, and return what the camera then has.

        A camera that is opened again begins with its automatics on.

        Args:
            controls: as `controls` returned them.

        Raises:
            DeviceError: the camera does not take them.
        """
        return {}
