"""The camera contract: the newest frame, never an old one."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilctl.devices import Device, Options


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
