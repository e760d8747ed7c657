"""Where a tool may be, and how it may be turned: a box of places, a box and a cone of turns."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.task.sections import Bounds

Array = NDArray[np.float64]

EDGE_M, EDGE_RAD = 1e-9, 1e-7  # what rounding puts outside is inside


class PoseBounds:
    """Bounds of poses `T_base_tcp`.

    Turns are rotation vectors relative to the reset pose, each number within its two limits, of
    which one is not positive and one not negative. The cone bounds how far the tool's axis leans
    from that of the reset pose. Both sets shrink with the turn: a turn that is in them is in them
    when it is made smaller about the same axis.

    Args:
        bounds: of the task.
        home: (7,) the reset pose.
    """

    def __init__(self, bounds: Bounds, home: Array) -> None:
        self._low, self._high = np.array(bounds.low), np.array(bounds.high)
        self._cone_rad = bounds.cone_rad
        self._home = home

    def nearest(self, T_base_tcp: Array) -> Array:
        """Return a (7,) pose as it is, or one within the bounds that is near to it."""
        position = self.nearest_place(T_base_tcp[:3])
        turn = geometry.rotation_between(self._home, T_base_tcp)
        inside = self._nearest_turn(turn)
        if np.array_equal(turn, inside):
            return geometry.pose(position, T_base_tcp[3:])
        quat = geometry.quat_multiply(self._home[3:], geometry.quat_from_rotvec(inside))
        return geometry.pose(position, quat)

    def nearest_place(self, position: Array) -> Array:
        """Return the nearest (3,) position within the bounds."""
        return np.clip(position, self._low[:3], self._high[:3])

    def outside(self, T_base_tcp: Array) -> tuple[float, float]:
        """Return how far a (7,) pose is out of the bounds, in m and rad."""
        inside = self.nearest(T_base_tcp)
        away_m = float(np.linalg.norm(inside[:3] - T_base_tcp[:3]))
        return away_m, float(np.linalg.norm(geometry.rotation_between(T_base_tcp, inside)))

    def has_place(self, position: Array) -> bool:
        """Return whether a (3,) position is within the bounds."""
        return bool(np.abs(self.nearest_place(position) - position).max() <= EDGE_M)

    def has_turn(self, quat: Array) -> bool:
        """Return whether a tool that is turned like a (4,) quaternion is within the bounds."""
        relative = geometry.quat_multiply(geometry.quat_conjugate(self._home[3:]), quat)
        turn = geometry.rotvec_from_quat(relative)
        return bool(np.abs(self._nearest_turn(turn) - turn).max() <= EDGE_RAD)

    def _nearest_turn(self, turn: Array) -> Array:
        inside = np.clip(turn, self._low[3:], self._high[3:])
        return inside if self._cone_rad is None else _less_tilted(inside, self._cone_rad)


def tilt_rad(turn: Array) -> float:
    """Return by how much a (3,) rotation vector leans the z axis."""
    angle = float(np.linalg.norm(turn))
    along = float(turn[2]) / angle if angle else 1.0
    cosine = math.cos(angle) + (1 - math.cos(angle)) * along**2
    return math.acos(min(1.0, max(-1.0, cosine)))


def _less_tilted(turn: Array, most_rad: float) -> Array:
    """Return a (3,) rotation vector, made so much smaller that the z axis leans no further."""
    if tilt_rad(turn) <= most_rad:
        return turn
    angle = float(np.linalg.norm(turn))
    along2 = (float(turn[2]) / angle) ** 2
    cosine = (math.cos(most_rad) - along2) / (1 - along2)
    return turn * (math.acos(min(1.0, max(-1.0, cosine))) / angle)
