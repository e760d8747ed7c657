"""Turn the policy's numbers into a target the arm may have, and say what was really asked of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.errors import SafetyStopError
from hilctl.task.spec import ControlSpec, ResetSpec

Array = NDArray[np.float64]


def reset_pose(reset: ResetSpec) -> Array:
    """Return the (7,) `T_base_tcp` of a task's reset pose."""
    return geometry.pose(reset.pose[:3], geometry.quat_from_rpy(reset.pose[3:]))


class ActionLimiter:
    """Map actions in [-1, 1] to tcp targets inside the bounds.

    An action is a displacement in the present tcp frame: translation, then rotation vector. Both
    halves turn with the tcp; there is no lever-arm term, as the target is a pose, not a twist.
    """

    def __init__(self, control: ControlSpec, reset: ResetSpec) -> None:
        self._scale = np.repeat([control.translation_m, control.rotation_rad], 3)
        self._low = np.array(control.bounds.low)
        self._high = np.array(control.bounds.high)
        self._reset = reset_pose(reset)

    def limit(self, T_base_tcp: Array, action: Array) -> tuple[Array, Array]:
        """Return the target within the bounds and the action that leads exactly there.

        Args:
            T_base_tcp: (7,) measured pose.
            action: (6,) wanted action; values outside [-1, 1] are clipped.

        Returns:
            (7,) target pose and (6,) executed action in [-1, 1].

        Raises:
            SafetyStopError: the action is not finite.
        """
        if not np.isfinite(action).all():
            raise SafetyStopError(
                "the robot was asked for an action that is not a number",
                hint="the policy is broken; what was saved before is kept: hilctl status",
            )
        step = np.clip(action, -1.0, 1.0) * self._scale
        wanted = geometry.compose(
            T_base_tcp, geometry.pose(step[:3], geometry.quat_from_rotvec(step[3:]))
        )
        target = self._into_bounds(wanted)
        executed = self.action_between(T_base_tcp, target)
        if np.max(np.abs(executed)) > 1.0:
            # outside the bounds, or clipped to a wall that is askew to the tool's axes: stay on the
            # way to the target, which leads nowhere further out, at no more than full speed
            for half in (executed[:3], executed[3:]):
                half /= max(1.0, float(np.max(np.abs(half))))
            back = executed * self._scale
            target = geometry.compose(
                T_base_tcp, geometry.pose(back[:3], geometry.quat_from_rotvec(back[3:]))
            )
        return target, executed

    def action_between(self, T_base_tcp: Array, target: Array) -> Array:
        """Return the (6,) action that leads from one (7,) pose to another, of any size."""
        moved = geometry.compose(geometry.inverse(T_base_tcp), target)
        return np.concatenate([moved[:3], geometry.rotvec_from_quat(moved[3:])]) / self._scale

    def _into_bounds(self, T_base_tcp: Array) -> Array:
        position = np.clip(T_base_tcp[:3], self._low[:3], self._high[:3])
        turned = geometry.rotation_between(self._reset, T_base_tcp)
        inside = np.clip(turned, self._low[3:], self._high[3:])
        if np.array_equal(turned, inside):
            return geometry.pose(position, T_base_tcp[3:])
        quat = geometry.quat_multiply(self._reset[3:], geometry.quat_from_rotvec(inside))
        return geometry.pose(position, quat)
