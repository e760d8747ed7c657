"""Turn the policy's numbers into a target the arm may have, and say what was really asked of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.env.bounds import PoseBounds
from hilctl.errors import SafetyStopError
from hilctl.task.layout import ROTATION, TRANSLATION, pose_scale
from hilctl.task.sections import ArmControlSpec, ResetSpec

Array = NDArray[np.float64]

SHRINK, SHRINKS = 0.8, 12  # of a turn, until it is within the bounds


def reset_pose(reset: ResetSpec) -> Array:
    """Return the (7,) `T_base_tcp` of a task's reset pose."""
    return geometry.pose(reset.pose[:3], geometry.quat_from_rpy(reset.pose[3:]))


def require_finite(action: Array) -> None:
    """Check that a robot can be told numbers of an action.

    Raises:
        SafetyStopError: they are not finite.
    """
    if not np.isfinite(action).all():
        raise SafetyStopError(
            "the robot was asked for an action that is not a number",
            hint="the policy is broken; what was saved before is kept: hilctl status",
        )


class ActionLimiter:
    """Map actions in [-1, 1] to tcp targets inside the bounds.

    An action is a displacement in the present tcp frame: translation, then rotation vector. Both
    halves turn with the tcp; there is no lever-arm term, as the target is a pose, not a twist.
    """

    def __init__(self, control: ArmControlSpec, reset: ResetSpec) -> None:
        self._scale = pose_scale(control)
        self.bounds = PoseBounds(control.bounds, reset_pose(reset))

    def limit(self, T_base_tcp: Array, action: Array) -> tuple[Array, Array]:
        """Return the target within the bounds and the action that leads exactly there.

        Args:
            T_base_tcp: (7,) measured pose.
            action: (A,) wanted action; values outside [-1, 1] are clipped.

        Returns:
            (7,) target pose and (A,) executed action in [-1, 1].

        Raises:
            SafetyStopError: the action is not finite.
        """
        require_finite(action)
        target = self._led_to(T_base_tcp, np.clip(action, -1.0, 1.0))
        target = self.bounds.nearest(target)
        executed = self.action_between(T_base_tcp, target)
        if np.max(np.abs(executed)) > 1.0:
            # outside the bounds, or clipped to a wall that is askew to the tool's axes: stay on the
            # way to the target, which leads nowhere further out, at no more than full speed
            for half in (executed[TRANSLATION], executed[ROTATION]):
                half /= max(1.0, float(np.max(np.abs(half))))
            target = self._on_the_way(T_base_tcp, executed)
        return target, executed

    def _on_the_way(self, T_base_tcp: Array, action: Array) -> Array:
        """Return the (7,) pose that an action leads to, turned less where that is out of bounds.

        A box of rotation vectors is not quite convex.
        """
        target = self._led_to(T_base_tcp, action)
        if self.bounds.has_turn(T_base_tcp[3:]):
            for _ in range(SHRINKS):
                if self.bounds.has_turn(target[3:]):
                    return target
                action[ROTATION] *= SHRINK
                target = self._led_to(T_base_tcp, action)
            action[ROTATION] = 0.0
            target = self._led_to(T_base_tcp, action)
        return target

    def _led_to(self, T_base_tcp: Array, action: Array) -> Array:
        step = action * self._scale
        turn = geometry.quat_from_rotvec(step[ROTATION])
        return geometry.compose(T_base_tcp, geometry.pose(step[TRANSLATION], turn))

    def outside(self, T_base_tcp: Array) -> tuple[float, float]:
        """Return how far a (7,) pose is out of the bounds, in m and rad."""
        return self.bounds.outside(T_base_tcp)

    def action_between(self, T_base_tcp: Array, target: Array) -> Array:
        """Return the (A,) action that leads from one (7,) pose to another, of any size."""
        moved = geometry.compose(geometry.inverse(T_base_tcp), target)
        return np.concatenate([moved[:3], geometry.rotvec_from_quat(moved[3:])]) / self._scale

    def executed_by(self, T_base_tcp: Array, sent: Array) -> Array:
        """Return the (A,) action in [-1, 1] that stands for a (7,) target that was sent.

        A target that lags behind can lie more than one step away from an arm that something
        pushed back: then it is the step towards it.
        """
        return np.clip(self.action_between(T_base_tcp, sent), -1.0, 1.0)
