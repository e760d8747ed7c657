"""What a tool is pushed with, and the fence around it: what an environment asks of a controller."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fence:
    """Where a tool that is pushed may be, and how fast it may move.

    Attributes:
        low, high: (6,) x, y, z in m, base frame; then a rotation vector in rad relative to `home`.
        home: (4,) xyzw orientation of the tool that turns are relative to.
        speed_m_s, speed_rad_s: of the tool.
    """

    low: Array
    high: Array
    home: Array
    speed_m_s: float
    speed_rad_s: float


@dataclass(frozen=True)
class FeedForward:
    """A wrench that the controller adds to what holds the tool, at its own rate.

    Attributes:
        wrench: (6,) force N then torque N·m on the tool, tcp frame.
        fence: that the controller keeps, at its own rate, whatever the wrench is: it cuts what
            would lead out of it, and brakes.
        lasts_s: after which the wrench is zero unless another command has come.
    """

    wrench: Array
    fence: Fence
    lasts_s: float
