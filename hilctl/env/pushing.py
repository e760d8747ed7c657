"""Cut wrenches that would carry the tool out of its bounds, or on when it is too fast already.

This is decided once a period, from where the tool will be at its end if nothing pushes it. Within
the period the controller keeps the `Fence` that goes with every wrench.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.env.bounds import PoseBounds
from hilctl.env.safety import reset_pose
from hilctl.feed_forward import Fence
from hilctl.robots.base import RobotLimits, RobotState
from hilctl.task.layout import ROTATION, TRANSLATION, TWIST, ActionPart
from hilctl.task.sections import ArmSpec

Array = NDArray[np.float64]

NONE = 1e-9  # of a push, by rounding


class PushLimiter:
    """Map numbers in [-1, 1] to those of a wrench that the arm may be pushed with.

    Args:
        part: of the action.
        spec: of the arm.
        limits: of the arm.
        period_s: of control.

    Attributes:
        bounds: of the tool.
        fence: the same for the controller, with the arm's speeds.
    """

    def __init__(
        self, part: ActionPart, spec: ArmSpec, limits: RobotLimits, period_s: float
    ) -> None:
        assert part.axes is not None
        assert part.scale is not None
        self._axes = [TWIST.index(axis) for axis in part.axes]
        self._scale = np.array(part.scale)
        self._period_s = period_s
        bounds, home = spec.control.bounds, reset_pose(spec.reset)
        self.bounds = PoseBounds(bounds, home)
        self.fence = Fence(
            np.array(bounds.low), np.array(bounds.high), home[3:], limits.swing_m_s,
            limits.swing_rad_s,
        )  # fmt: skip

    def limit(self, state: RobotState, numbers: Array) -> Array:
        """Return what is left of (size,) numbers; each is kept or made smaller.

        Args:
            state: measured just now.
            numbers: wanted; values outside [-1, 1] are clipped.
        """
        left = np.clip(numbers, -1.0, 1.0)
        ways = self._ways_out(state)
        # one number may have made up for another that is cut for another reason
        while any(_cut(left, way) for way in ways):
            pass
        return left

    def _ways_out(self, state: RobotState) -> list[Array]:
        """Return for each direction that leads out: (size,) how far each number leads there."""
        turn = geometry.quat_to_matrix(state.tcp_pose[3:])
        ways = []
        for half, outward in self._outward(state):
            leads = np.zeros(len(TWIST))
            leads[half] = turn.T @ outward
            ways.append(leads[self._axes] * self._scale)
        return ways

    def _outward(self, state: RobotState) -> Iterator[tuple[slice, Array]]:
        """Yield each (3,) direction, base frame, in which the tool may not be pushed."""
        fence, velocity = self.fence, state.tcp_velocity
        home = geometry.quat_to_matrix(fence.home)
        relative = geometry.quat_multiply(geometry.quat_conjugate(fence.home), state.tcp_pose[3:])
        turned = geometry.rotvec_from_quat(relative)
        halves = (
            (TRANSLATION, np.eye(3), state.tcp_pose[:3], fence.speed_m_s),
            (ROTATION, home, turned, fence.speed_rad_s),
        )
        for half, axes, place, most in halves:
            soon = place + axes.T @ velocity[half] * self._period_s
            for axis in range(3):
                if soon[axis] >= fence.high[half][axis]:
                    yield half, axes[:, axis]
                elif soon[axis] <= fence.low[half][axis]:
                    yield half, -axes[:, axis]
            speed = float(np.linalg.norm(velocity[half]))
            if speed > most:
                yield half, velocity[half] / speed


def _cut(left: Array, way: Array) -> bool:
    """Take those numbers out that lead most along a way, until none is left; say if there were."""
    was_cut = False
    while float(way @ left) > NONE:
        left[np.argmax(way * left)] = 0.0
        was_cut = True
    return was_cut
