"""Where episodes may start: what of the random spread around the reset pose the bounds leave."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.task.sections import Bounds, ResetSpec


def vertical_in_tool(reset: ResetSpec) -> NDArray[np.float64]:
    """Return the (3,) vertical of the base frame as the tool at the reset pose has it.

    A start in yaw turns about it, so of a tilted tool it turns more than one axis of the bounds,
    whose rotation vectors are relative to the reset pose.
    """
    quat = geometry.quat_from_rpy(reset.pose[3:])
    return geometry.rotate(geometry.quat_conjugate(quat), [0.0, 0.0, 1.0])


def yaw_room(bounds: Bounds, reset: ResetSpec) -> list[tuple[float, float]]:
    """Return for each rotation axis of the bounds the (least, most) yaw in rad it leaves."""
    room = []
    axes = zip(vertical_in_tool(reset), bounds.low[3:], bounds.high[3:], strict=True)
    for share, low, high in axes:
        if abs(share) < 1e-9:
            room.append((-math.pi, math.pi))
        else:
            least, most = sorted((low / share, high / share))
            room.append((least, most))
    return room


def yaw_range(bounds: Bounds, reset: ResetSpec) -> tuple[float, float]:
    """Return the (least, most) yaw in rad of a random start, within the bounds."""
    room = [(-reset.random_yaw_rad, reset.random_yaw_rad), *yaw_room(bounds, reset)]
    least, most = max(low for low, _ in room), min(high for _, high in room)
    return min(least, 0.0), max(most, 0.0)
