"""Proposed poses are enough for a calibration, and keep the board in view."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from hilctl import geometry
from hilctl.calibration.fit_hand_eye import require_variety
from hilctl.calibration.hand_eye import Mount, Sightings
from hilctl.calibration.proposals import TILT_RAD, propose_poses

HOME = geometry.pose([0.5, 0.1, 0.3], geometry.quat_from_rpy([np.pi, 0.0, 0.3]))


@pytest.mark.parametrize("count", [12, 15, 20, 40])
def test_they_turn_enough_for_hand_eye(count: int) -> None:
    poses = np.array(propose_poses(HOME, count, pivot_m=0.2, shift_m=0.02))
    T = RigidTransform.from_components(poses[:, :3], Rotation.from_quat(poses[:, 3:]))
    require_variety(Sightings.of(T, T, Mount.TOOL))


@pytest.mark.parametrize("pivot_m", [0.0, 0.2])
def test_what_lies_ahead_stays_there(pivot_m: float) -> None:
    ahead = geometry.pose([0, 0, pivot_m], geometry.IDENTITY[3:])
    there = geometry.compose(HOME, ahead)[:3]
    for pose in propose_poses(HOME, 20, pivot_m=pivot_m, shift_m=0.0):
        np.testing.assert_allclose(geometry.compose(pose, ahead)[:3], there, atol=1e-12)
        down = geometry.rotate(pose[3:], [0, 0, 1])
        assert np.arccos(np.clip(-down[2], -1, 1)) <= TILT_RAD + 1e-9


def test_the_tool_moves_no_further_than_asked() -> None:
    for pose in propose_poses(HOME, 20, pivot_m=0.0, shift_m=0.03):
        assert np.abs(pose[:3] - HOME[:3]).max() <= 0.03 * np.sqrt(2) + 1e-9
