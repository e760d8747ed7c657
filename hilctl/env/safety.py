"""Turn the policy's numbers into a target the arm may have, and say what was really asked of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.errors import SafetyStopError
from hilctl.robots.base import RobotLimits
from hilctl.task.layout import ROTATION, TRANSLATION, pose_scale
from hilctl.task.spec import ArmControlSpec, ResetSpec

Array = NDArray[np.float64]


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
        self._low = np.array(control.bounds.low)
        self._high = np.array(control.bounds.high)
        self._reset = reset_pose(reset)

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
        step = np.clip(action, -1.0, 1.0) * self._scale
        wanted = geometry.compose(
            T_base_tcp, geometry.pose(step[TRANSLATION], geometry.quat_from_rotvec(step[ROTATION]))
        )
        target = self._into_bounds(wanted)
        executed = self.action_between(T_base_tcp, target)
        if np.max(np.abs(executed)) > 1.0:
            # outside the bounds, or clipped to a wall that is askew to the tool's axes: stay on the
            # way to the target, which leads nowhere further out, at no more than full speed
            for half in (executed[TRANSLATION], executed[ROTATION]):
                half /= max(1.0, float(np.max(np.abs(half))))
            back = executed * self._scale
            target = geometry.compose(
                T_base_tcp,
                geometry.pose(back[TRANSLATION], geometry.quat_from_rotvec(back[ROTATION])),
            )
        return target, executed

    def outside(self, T_base_tcp: Array) -> tuple[float, float]:
        """Return how far a (7,) pose is out of the bounds, in m and rad."""
        inside = self._into_bounds(T_base_tcp)
        away_m = float(np.linalg.norm(inside[:3] - T_base_tcp[:3]))
        return away_m, float(np.linalg.norm(geometry.rotation_between(T_base_tcp, inside)))

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

    def _into_bounds(self, T_base_tcp: Array) -> Array:
        position = np.clip(T_base_tcp[:3], self._low[:3], self._high[:3])
        turned = geometry.rotation_between(self._reset, T_base_tcp)
        inside = np.clip(turned, self._low[3:], self._high[3:])
        if np.array_equal(turned, inside):
            return geometry.pose(position, T_base_tcp[3:])
        quat = geometry.quat_multiply(self._reset[3:], geometry.quat_from_rotvec(inside))
        return geometry.pose(position, quat)


class Pace:
    """Keep targets so close to one another that an arm's speed limits hold.

    An action is a step from where the tool is, so that from one period to the next the target can
    jump by two steps: from full speed one way to full speed back.

    Args:
        limits: of the arm.
        period_s: between two targets.
    """

    def __init__(self, limits: RobotLimits, period_s: float) -> None:
        self._most_m = limits.speed_m_s * period_s
        self._most_rad = limits.speed_rad_s * period_s
        self._last: Array | None = None

    def begin_at(self, T_base_tcp: Array) -> None:
        """Take a (7,) pose as the target that the arm has."""
        self._last = T_base_tcp

    def towards(self, target: Array) -> Array:
        """Return the (7,) pose nearest to a target that can be had within one period."""
        if self._last is None:
            return target
        way_m = float(np.linalg.norm(target[:3] - self._last[:3]))
        way_rad = float(np.linalg.norm(geometry.rotation_between(self._last, target)))
        if way_m <= self._most_m and way_rad <= self._most_rad:
            return target
        shares = [
            min(1.0, most / way) if way else 1.0
            for most, way in ((self._most_m, way_m), (self._most_rad, way_rad))
        ]
        moved, turned = (geometry.interpolate(self._last, target, share) for share in shares)
        return geometry.pose(moved[:3], turned[3:])
