"""The camera contract: the newest frame, never an old one."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilctl.devices import Device, Options

STILL_MAX_AGE_S = 1.0


@dataclass(frozen=True)
class Frame:
    """One picture: (H, W, 3) uint8 RGB and the monotonic time it was taken."""

    image: NDArray[np.uint8]
    stamp_ns: int


class Camera(Device):
    """A colour camera that delivers raw frames of `frame_size`."""

    @classmethod
    def frame_size(cls, options: Options) -> tuple[int, int] | None:
        """Return the raw (width, height) in px when the options alone tell it, else None."""
        return None

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
