"""A fence around a tool that is pushed: what the controller makes of a wrench, step by step.

The tool may run towards a wall only as fast as it can stop before it; what is faster is braked, and
the part of the wrench that leads there is cut. Beyond a wall a spring leads back. Turns have walls,
too, about the axes of the fence's home.
"""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.feed_forward import FeedForward

Array = NDArray[np.float64]


def _each(translation: float, rotation: float) -> Array:
    return np.repeat([translation, rotation], 3)


DECELERATION = _each(8.0, 25.0)  # m/s², rad/s²: what the way to stop is reckoned with
DAMPING = _each(400.0, 8.0)  # N·s/m, N·m·s/rad: on what is too fast
STIFFNESS = _each(2000.0, 60.0)  # N/m, N·m/rad: beyond a wall
MARGIN = _each(0.015, 0.05)  # m, rad: before a wall, where the tool comes to rest
HALVES = (slice(0, 3), slice(3, 6))


class FencedPush:
    """A wrench on a tool for a while, and the fence that holds on.

    Args:
        push: what was asked for.
        steps: of the controller, that the wrench lasts.
    """

    def __init__(self, push: FeedForward, steps: int) -> None:
        self._wrench, self._steps_left = push.wrench, steps
        fence = push.fence
        self._low, self._high = fence.low, fence.high
        self._most = (fence.speed_m_s, fence.speed_rad_s)
        self._home = geometry.quat_to_matrix(fence.home)
        self._quat, self._turned = np.zeros(4), np.zeros(3)

    def step(self, position: Array, rotation: Array, velocity: Array) -> Array:
        """Return the (6,) wrench of the next step, in the frame of all arguments.

        Args:
            position, rotation: (3,) and (3, 3) of the tool.
            velocity: (6,) of the tool.
        """
        # turns are told in the frame of home
        to_home = self._home.T
        pushed = self._pushed(rotation, to_home)
        speed = np.concatenate([velocity[:3], to_home @ velocity[3:]])
        self._keep_slow(pushed, speed)
        self._keep_inside(pushed, self._place(position, to_home @ rotation), speed)
        pushed[3:] = self._home @ pushed[3:]
        return pushed

    def _pushed(self, rotation: Array, to_home: Array) -> Array:
        self._steps_left -= 1
        if self._steps_left < 0:
            return np.zeros(6)
        force, torque = rotation @ self._wrench[:3], rotation @ self._wrench[3:]
        return np.concatenate([force, to_home @ torque])

    def _place(self, position: Array, relative: Array) -> Array:
        mujoco.mju_mat2Quat(self._quat, relative.ravel())
        mujoco.mju_quat2Vel(self._turned, self._quat, 1.0)
        return np.concatenate([position, self._turned])

    def _keep_slow(self, pushed: Array, speed: Array) -> None:
        """Brake what is faster than the tool may be, and push no further that way."""
        for half, most in zip(HALVES, self._most, strict=True):
            total = float(np.sqrt(speed[half] @ speed[half]))
            if total > most:
                ahead = speed[half] / total
                pushed[half] -= max(0.0, float(pushed[half] @ ahead)) * ahead
                pushed[half] -= DAMPING[half] * (total - most) * ahead

    def _keep_inside(self, pushed: Array, place: Array, speed: Array) -> None:
        """Brake what could not stop before a wall, and lead back what is beyond one."""
        for side, room in ((1.0, self._high - place), (-1.0, place - self._low)):
            allowed = np.sqrt(2 * DECELERATION * np.maximum(room - MARGIN, 0.0))
            excess = side * speed - allowed
            if (excess > 0).any():
                too_fast = excess > 0
                pushed[too_fast & (side * pushed > 0)] = 0.0
                pushed -= side * np.where(too_fast, DAMPING * excess, 0.0)
                pushed += side * STIFFNESS * np.minimum(room, 0.0)
