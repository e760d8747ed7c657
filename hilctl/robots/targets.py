"""What an arm may be sent: a pose that is one and within its reach, an opening that is one."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hilctl.errors import SafetyStopError
from hilctl.robots.base import Command

Array = NDArray[np.float64]

UNIT_TOLERANCE = 0.01  # a quaternion's length may be that far from 1


def attainable(command: Command, reach_m: float) -> Command:
    """Return a copy of a command whose pose is within reach, and whose opening is from 0 to 1.

    Raises:
        SafetyStopError: its pose is none, or its opening no number.
    """
    target, opening = within_reach(command.tcp_pose, reach_m), command.gripper
    if opening is None:
        return Command(target)
    if not math.isfinite(opening):
        raise SafetyStopError(
            f"the gripper was asked to open to {opening}",
            hint="an opening is a number from 0, closed, to 1, open",
        )
    return Command(target, min(1.0, max(0.0, float(opening))))


def within_reach(tcp_pose: Array, reach_m: float) -> Array:
    """Return a copy of a (7,) pose `T_base_tcp`, its quaternion of length 1, no further than that.

    Raises:
        SafetyStopError: it is no pose: not finite, or its quaternion is no rotation.
    """
    target = np.array(tcp_pose, dtype=float)
    if target.shape != (7,) or not np.isfinite(target).all():
        raise SafetyStopError(
            f"the robot was asked to go to {target.round(3).tolist()}, which is no pose",
            hint="seven finite numbers are one: x, y, z in m and a quaternion x, y, z, w",
        )
    length = float(np.linalg.norm(target[3:]))
    if abs(length - 1.0) > UNIT_TOLERANCE:
        raise SafetyStopError(
            f"the robot was asked to turn to a quaternion of length {length:.3g}",
            hint="a rotation is a quaternion x, y, z, w of length 1",
        )
    if length != 1.0 and abs(length - 1.0) > 1e-9:
        target[3:] /= length
    distance_m = float(np.linalg.norm(target[:3]))
    if distance_m > reach_m:
        target[:3] *= reach_m / distance_m
    return target
