"""Poses from which a board looks different enough to calibrate a camera."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry

Array = NDArray[np.float64]

GOLDEN_RAD = np.pi * (3 - np.sqrt(5))  # spreads directions without gaps, however many there are
TILT_RAD = np.deg2rad(28.0)
ROLL_RAD = np.deg2rad(45.0)  # tells the picture's centre from a lens that is askew


def propose_poses(
    T_base_tcp: Array,
    count: int,
    *,
    pivot_m: float,
    shift_m: float,
    tilt_rad: float = TILT_RAD,
    roll_rad: float = ROLL_RAD,
) -> list[Array]:
    """Return `count` (7,) poses of the tcp around the present one.

    The tool tilts in every direction about a point ahead of it: what is there stays in view.

    Args:
        T_base_tcp: (7,) where the board is well in view.
        count: how many.
        pivot_m: how far ahead of the tcp that point is; 0 for a board in the hand.
        shift_m: how far the tool also moves, each way.
        tilt_rad: the largest tilt.
        roll_rad: the largest turn about the tool's axis.
    """
    ahead = geometry.pose([0, 0, pivot_m], geometry.IDENTITY[3:])
    poses = []
    for i in range(count):
        outward = np.sqrt((i + 0.5) / count)
        azimuth = GOLDEN_RAD * i
        direction = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
        tilt = geometry.quat_from_rotvec(tilt_rad * outward * direction)
        # by the golden ratio too, so that roll has nothing to do with tilt
        roll_share = 2 * ((i * 0.618) % 1) - 1
        roll = geometry.quat_from_rotvec([0, 0, roll_rad * roll_share])
        # across the tilt: aside, and nearer or further in turn
        aside = shift_m * outward * np.array([-direction[1], direction[0], (-1.0) ** i])
        turn = geometry.pose(aside, geometry.quat_multiply(tilt, roll))
        T_tcp_moved = geometry.compose(geometry.compose(ahead, turn), geometry.inverse(ahead))
        poses.append(geometry.compose(T_base_tcp, T_tcp_moved))
    return poses
