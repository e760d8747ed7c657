"""How fast a target may run, and how fast its speed may change."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.env.bounds import PoseBounds
from hilctl.robots.base import RobotLimits

Array = NDArray[np.float64]

HALVINGS = 24  # until a share is known well enough


class Pace:
    """Keep targets so close to one another that an arm's limits hold.

    An action is a step from where the tool is, so that from one period to the next the target can
    jump by two steps: from full speed one way to full speed back.

    With limits of acceleration it takes way to stop, so a target runs towards the edge of the
    bounds only as fast as it can stop before it. Where the limits contradict each other, as after
    a stop close to the edge, the bounds come first, then the speed.

    Args:
        limits: of the arm.
        period_s: between two targets.
        bounds: that no target may leave; None = there are none.
    """

    def __init__(
        self, limits: RobotLimits, period_s: float, bounds: PoseBounds | None = None
    ) -> None:
        self._most_m = limits.speed_m_s * period_s
        self._most_rad = limits.speed_rad_s * period_s
        # a speed is counted as way in a period
        self._change_m = limits.acceleration_m_s2 * period_s**2
        self._change_rad = limits.acceleration_rad_s2 * period_s**2
        self._bounds = bounds
        self._last: Array | None = None
        self._step_m, self._step_rad = np.zeros(3), np.zeros(3)

    def begin_at(self, T_base_tcp: Array) -> None:
        """Take a (7,) pose as the target that the arm has, at rest."""
        self._last = T_base_tcp
        self._step_m, self._step_rad = np.zeros(3), np.zeros(3)

    def went_to(self, T_base_tcp: Array) -> None:
        """Take a (7,) pose as the target that the arm was sent after the last one."""
        if self._last is not None:
            self._step_m = T_base_tcp[:3] - self._last[:3]
            self._step_rad = _turn(self._last, T_base_tcp)
        self._last = T_base_tcp

    def towards(self, target: Array) -> Array:
        """Return the (7,) pose nearest to a target that can be had within one period."""
        if self._last is None:
            return target
        target = self._at_speed(self._last, target)
        position = self._place(self._last[:3], target[:3])
        return geometry.pose(position, self._orientation(self._last, target))

    def _at_speed(self, last: Array, target: Array) -> Array:
        way_m = float(np.linalg.norm(target[:3] - last[:3]))
        way_rad = float(np.linalg.norm(geometry.rotation_between(last, target)))
        if way_m <= self._most_m and way_rad <= self._most_rad:
            return target
        shares = [
            min(1.0, most / way) if way else 1.0
            for most, way in ((self._most_m, way_m), (self._most_rad, way_rad))
        ]
        moved, turned = (geometry.interpolate(last, target, share) for share in shares)
        return geometry.pose(moved[:3], turned[3:])

    def _place(self, last: Array, wanted: Array) -> Array:
        """Return the (3,) position to go to from the last one."""
        bounds, change = self._bounds, self._change_m

        def stops_inside(step: Array) -> bool:
            # a straight line in a box: where its end is, all of it is
            return bounds is None or bounds.has_place(last + step + _way_to_stop(step, change))

        way = wanted - last
        step = _eased(self._step_m, way, change, stops_inside)
        return wanted if step is way else last + step

    def _orientation(self, last: Array, target: Array) -> Array:
        """Return the (4,) quaternion to turn to from the last one."""
        bounds, change = self._bounds, self._change_rad

        def stops_inside(step: Array) -> bool:
            quat = _turned(last[3:], step)
            while bounds is not None:
                if not bounds.has_turn(quat):
                    return False
                if not step.any():
                    break
                step = _slower(step, change)
                quat = _turned(quat, step)
            return True

        way = _turn(last, target)
        step = _eased(self._step_rad, way, change, stops_inside)
        return target[3:] if step is way else _turned(last[3:], step)


def _eased(
    before: Array, wanted: Array, change: float, is_allowed: Callable[[Array], bool]
) -> Array:
    """Return the (3,) step nearest to a wanted one that may follow on the one before.

    Args:
        before: the last step.
        wanted: at no more than full speed.
        change: most that a step may differ from the one before.
        is_allowed: whether a step can be followed by ever smaller ones within the bounds.
    """
    differs = wanted - before
    size = float(np.linalg.norm(differs))
    best = wanted if size <= change else before + differs * (change / size)
    if is_allowed(best):
        return best
    braked = _slower(before, change)
    if not is_allowed(braked):  # the limits contradict each other
        rest = np.zeros(3)
        return rest if is_allowed(rest) else wanted  # from outside, only back
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if is_allowed(braked + middle * (best - braked)) else (low, middle)
        )
    return braked + low * (best - braked)


def _slower(step: Array, change: float) -> Array:
    size = float(np.linalg.norm(step))
    return np.zeros(3) if size <= change else step * (1 - change / size)


def _way_to_stop(step: Array, change: float) -> Array:
    """Return the way of all steps that follow on a (3,) one when each is smaller than the last."""
    size = float(np.linalg.norm(step))
    if size <= change:
        return np.zeros(3)
    steps = math.floor(size / change)
    return step * ((steps * size - change * steps * (steps + 1) / 2) / size)


def _turn(last: Array, target: Array) -> Array:
    """Return the (3,) rotation vector, in the base's frame, from one (7,) pose to another."""
    return geometry.rotvec_from_quat(
        geometry.quat_multiply(target[3:], geometry.quat_conjugate(last[3:]))
    )


def _turned(quat: Array, step: Array) -> Array:
    turned = geometry.quat_multiply(geometry.quat_from_rotvec(step), quat)
    return turned / np.linalg.norm(turned)
