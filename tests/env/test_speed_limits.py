"""The arm's speed limits bind the targets of every control step, and what is stored says so."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from bench_stand import open_stand
from hypothesis import given
from hypothesis import strategies as st

from hilctl import geometry
from hilctl.devices import Rig
from hilctl.env.pace import Pace
from hilctl.env.safety import ActionLimiter
from hilctl.robots.base import Command, RobotLimits
from hilctl.robots.sim import SimRobot, SimRobotOptions
from hilctl.task.spec import TaskSpec

LIMITS = RobotLimits(reach_m=0.85, speed_m_s=0.5, speed_rad_s=1.5)
PERIOD_S = 0.1

shares = st.tuples(*[st.floats(-1, 1)] * 6).map(np.array)


def pose_at(share: np.ndarray, reach_m: float = 0.2, turn_rad: float = 1.0) -> np.ndarray:
    turn = geometry.quat_from_rotvec(turn_rad * share[3:])
    return geometry.pose(np.array([0.5, 0, 0.2]) + reach_m * share[:3], turn)


@given(shares, shares)
def test_a_target_is_never_further_from_the_last_one_than_the_limits_allow(
    last: np.ndarray, wanted: np.ndarray
) -> None:
    pace, before, target = Pace(LIMITS, PERIOD_S), pose_at(last), pose_at(wanted)
    pace.begin_at(before)
    sent = pace.towards(target)
    way_m = np.linalg.norm(sent[:3] - before[:3])
    way_rad = np.linalg.norm(geometry.rotation_between(before, sent))
    assert way_m <= LIMITS.speed_m_s * PERIOD_S + 1e-9
    assert way_rad <= LIMITS.speed_rad_s * PERIOD_S + 1e-6
    for _ in range(40):  # it gets there all the same
        pace.begin_at(sent)
        sent = pace.towards(target)
    np.testing.assert_array_equal(sent, target)


def hasty(spec: TaskSpec) -> TaskSpec:
    fast = {"translation_m": 0.05, "rotation_rad": 0.2, "rate_hz": 20.0}
    return spec.model_copy(update={"control": spec.control.model_copy(update=fast)})


def test_going_back_and_forth_at_full_action_keeps_to_the_arms_limits(spec: TaskSpec) -> None:
    task = hasty(spec)
    with open_stand(task) as stand:
        stand.env.reset()
        stand.robot.sent.clear()
        limiter = ActionLimiter(task.control, task.reset)
        for step in range(24):
            here = stand.robot.state().tcp_pose
            push = np.full(6, 1.0 if step // 3 % 2 else -1.0)
            *_, info = stand.env.step(push)
            executed = info["executed_action"]
            assert np.abs(executed).max() <= 1
            np.testing.assert_allclose(
                executed, limiter.action_between(here, stand.robot.sent[-1]), atol=1e-6
            )
        sent = np.array(stand.robot.sent)
    moved_m = np.linalg.norm(np.diff(sent[:, :3], axis=0), axis=1)
    turned_rad = [np.linalg.norm(geometry.rotation_between(a, b)) for a, b in pairwise(sent)]
    limits = SimRobot.limits
    assert moved_m.max() / 0.05 <= limits.speed_m_s + 1e-6
    assert max(turned_rad) / 0.05 <= limits.speed_rad_s + 1e-6
    assert moved_m.max() / 0.05 > 0.9 * limits.speed_m_s  # they did bind


@pytest.mark.parametrize("share", [np.array([0, 1.0, 0, 0, 0, 0]), np.array([0, 0, 0, 0, 0, 1.0])])
def test_a_far_target_is_run_to_and_not_jumped_to(share: np.ndarray) -> None:
    with SimRobot(SimRobotOptions(scene="reach"), Rig()) as robot:
        here, clock = robot.state().tcp_pose, robot.rig.clock
        step = geometry.pose(0.2 * share[:3], geometry.quat_from_rotvec(0.8 * share[3:]))
        goal = geometry.compose(here, step)
        robot.servo(Command(goal))
        before, references = robot.world.arm.target(), []
        for _ in range(300):
            clock.sleep_until(clock.now_ns() + 2_000_000)
            references.append(robot.world.arm.target())
        for reference in references:
            way_m = np.linalg.norm(reference[:3] - before[:3])
            way_rad = np.linalg.norm(geometry.rotation_between(before, reference))
            assert way_m / 0.002 <= robot.limits.speed_m_s + 1e-6
            assert way_rad / 0.002 <= robot.limits.speed_rad_s + 1e-4
            before = reference
        np.testing.assert_allclose(robot.world.arm.target(), goal, atol=1e-9)
        clock.sleep_until(clock.now_ns() + 2_000_000_000)
        np.testing.assert_allclose(robot.state().tcp_pose[:3], goal[:3], atol=0.003)


def test_stopping_ends_a_run_to_a_far_target() -> None:
    with SimRobot(SimRobotOptions(scene="reach"), Rig()) as robot:
        here, clock = robot.state().tcp_pose, robot.rig.clock
        robot.servo(Command(geometry.pose(here[:3] + np.array([0, 0.2, 0]), here[3:])))
        clock.sleep_until(clock.now_ns() + 100_000_000)
        robot.stop()
        held = robot.world.arm.target()
        clock.sleep_until(clock.now_ns() + 500_000_000)
        np.testing.assert_array_equal(robot.world.arm.target(), held)
