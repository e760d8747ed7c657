"""The pose reward: inside of every named tolerance, for some steps in a row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilctl.geometry import quat_from_rotvec, quat_from_rpy, quat_multiply
from hilctl.rewards.pose import PoseGoal, PoseReward

GOAL = (0.5, 0.1, 0.2, 3.1, 0.2, -0.4)
WITHIN = {"x": 0.01, "z": 0.002, "rz": 0.1}
SMALL = st.floats(-0.03, 0.03)


def pose(
    dx: float = 0, dy: float = 0, dz: float = 0, turn: tuple[float, ...] = (0, 0, 0)
) -> np.ndarray:
    quat = quat_multiply(quat_from_rotvec(np.array(turn)), quat_from_rpy(GOAL[3:]))
    return np.concatenate([np.add(GOAL[:3], (dx, dy, dz)), quat])


def reward(consecutive: int = 1) -> PoseReward:
    return PoseReward({"": PoseGoal(pose=GOAL, within=WITHIN)}, consecutive)


@given(SMALL, SMALL, SMALL, st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
def test_every_named_axis_counts_and_no_other(
    dx: float, dy: float, dz: float, about_y: float, about_z: float
) -> None:
    turn = (0.0, 0.0, about_z) if abs(about_z) > 0.1 else (0.0, about_y, 0.0)
    inside = abs(dx) < 0.00999 and abs(dz) < 0.00199 and abs(turn[2]) < 0.0999
    outside = abs(dx) > 0.01001 or abs(dz) > 0.00201 or abs(turn[2]) > 0.1001
    judgement = reward().judge({}, (), {"tcp_pose": pose(dx, dy, dz, turn)})
    assert not (inside and not judgement.success)
    assert not (outside and judgement.success)
    assert judgement.success is (judgement.seen["deviation"] <= 1)


@given(st.lists(st.booleans(), max_size=20), st.integers(1, 4))
def test_it_has_to_stay_there_for_some_steps(there: list[bool], consecutive: int) -> None:
    judge = reward(consecutive)
    judge.reset()
    for i in range(len(there)):
        seen = {"tcp_pose": pose(dx=0.0 if there[i] else 0.02)}
        stayed = i + 1 >= consecutive and all(there[i + 1 - consecutive : i + 1])
        assert judge.judge({}, (), seen).success is stayed


def test_every_arm_has_to_be_there() -> None:
    goal = PoseGoal(pose=GOAL, within=WITHIN)
    judge = PoseReward({"left": goal, "right": goal}, 1)
    here, away = pose(), pose(dx=0.02)
    for left, right in ((here, away), (away, here), (here, here)):
        measured = {"left/tcp_pose": left, "right/tcp_pose": right}
        assert judge.judge({}, (), measured).success is (left is here and right is here)


def test_an_axis_without_a_tolerance_is_free() -> None:
    assert reward().judge({}, (), {"tcp_pose": pose(dy=1.0)}).success
    assert reward().judge({}, (), {"tcp_pose": pose(dx=1.0)}).probability == pytest.approx(1 / 101)
