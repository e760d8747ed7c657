"""No command leaves the limits, whatever is asked, whatever the arms do, however many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paper_robot import LIMITS, PaperRobot, paper_rig

from hilctl import geometry
from hilctl.env.bounds import PoseBounds, tilt_rad
from hilctl.env.pace import Pace
from hilctl.env.pressing import PressLimit
from hilctl.env.robot_env import RobotEnv
from hilctl.env.safety import reset_pose
from hilctl.errors import SafetyStopError
from hilctl.task.sections import ArmControlSpec, ArmSpec, Bounds
from hilctl.task.spec import ArmsTaskSpec, TaskSpec

RATE_HZ, CONE_RAD = 20.0, 0.25
LOW, HIGH = (0.45, -0.05, 0.06, -0.3, -0.2, -0.6), (0.55, 0.05, 0.20, 0.25, 0.3, 0.5)
BOUNDS = Bounds(low=LOW, high=HIGH, cone_rad=CONE_RAD)
FORCE_N, TORQUE_NM = 12.0, 6.0
STEPS = {1: 4000, 2: 1500, 4: 1000}  # 11 000 commands
PUSHED_M = 0.02

Asks = Callable[[np.random.Generator, int, int], np.ndarray]


def random_numbers(rng: np.random.Generator, size: int, step: int) -> np.ndarray:
    return rng.uniform(-1, 1, size)


def wild_numbers(rng: np.random.Generator, size: int, step: int) -> np.ndarray:
    return rng.choice([-1e300, -7.0, -1.0, 0.0, 1e-300, 1.0, 42.0, 1e300], size)


def back_and_forth(rng: np.random.Generator, size: int, step: int) -> np.ndarray:
    return np.full(size, 1.0 if step // 3 % 2 else -1.0)


def into_a_corner(rng: np.random.Generator, size: int, step: int) -> np.ndarray:
    return np.sign(np.sin(np.arange(size) * 1.7 + step // 80))


def circles(rng: np.random.Generator, size: int, step: int) -> np.ndarray:
    return np.cos(0.3 * step + np.arange(size))


WAYS: list[Asks] = [random_numbers, wild_numbers, back_and_forth, into_a_corner, circles]


def hasty(spec: TaskSpec, arms: int) -> TaskSpec:
    """Return the reach task for so many arms, asking for more than they can do."""
    control = ArmControlSpec(
        translation_m=0.03,
        rotation_rad=0.2,
        bounds=BOUNDS,
        max_force_n=FORCE_N,
        max_torque_nm=TORQUE_NM,
    )
    pose = (0.5, 0.0, 0.15, np.pi, 0.1, 0.3)
    reset = spec.reset.model_copy(update={"pose": pose, "random_yaw_rad": 0.0})
    one = ArmSpec(robot=spec.robot, teleop=spec.teleop, control=control, reset=reset)
    rate = {"rate_hz": RATE_HZ, "max_episode_s": 300.0}
    if arms == 1:
        whole = spec.control.model_copy(update={**dict(control), **rate})
        return spec.model_copy(update={"control": whole, "reset": reset, "cameras": {}})
    named = {f"arm{number}": one for number in range(arms)}
    data = dict(spec) | {"arms": named, "robot": None, "teleop": None, "reset": None}
    shared = spec.control.model_copy(update=rate)
    return ArmsTaskSpec.model_construct(**data | {"control": shared, "cameras": {}})


def on_paper(spec: TaskSpec, arms: int, shove_m: float) -> tuple[RobotEnv, list[PaperRobot]]:
    task, rng, rig = hasty(spec, arms), np.random.default_rng(arms), paper_rig()
    start = reset_pose(next(iter(task.each_arm.values())).reset)
    robots = {name: PaperRobot(start, rng, shove_m, rig=rig) for name in task.each_arm}
    return RobotEnv(task, robots, {}, rng), list(robots.values())


def check_limits(sent: list[np.ndarray], bounds: PoseBounds) -> None:
    """Check targets that followed one another from rest within the bounds."""
    period_s = 1 / RATE_HZ
    before_m, before_rad = np.zeros(3), np.zeros(3)
    for last, target in pairwise([sent[0], *sent]):
        assert np.isfinite(target).all()
        assert abs(np.linalg.norm(target[3:]) - 1.0) < 1e-6
        away_m, away_rad = bounds.outside(target)
        assert away_m < 1e-8
        assert away_rad < 1e-6
        step_m = target[:3] - last[:3]
        turn = geometry.quat_multiply(target[3:], geometry.quat_conjugate(last[3:]))
        step_rad = geometry.rotvec_from_quat(turn)
        assert np.linalg.norm(step_m) <= LIMITS.speed_m_s * period_s + 1e-9
        assert np.linalg.norm(step_rad) <= LIMITS.speed_rad_s * period_s + 1e-7
        change_m, change_rad = step_m - before_m, step_rad - before_rad
        assert np.linalg.norm(change_m) <= LIMITS.acceleration_m_s2 * period_s**2 + 1e-9
        assert np.linalg.norm(change_rad) <= LIMITS.acceleration_rad_s2 * period_s**2 + 1e-6
        before_m, before_rad = step_m, step_rad


@pytest.mark.parametrize(
    ("arms", "shove_m"),
    [
        *((1, 0.0), (4, PUSHED_M)),
        *(pytest.param(arms, 0.0, marks=pytest.mark.slow) for arms in (2, 4)),
        *(pytest.param(arms, PUSHED_M, marks=pytest.mark.slow) for arms in (1, 2)),
    ],
)
def test_no_command_leaves_the_limits(spec: TaskSpec, arms: int, shove_m: float) -> None:
    env, robots = on_paper(spec, arms, shove_m)
    rng = np.random.default_rng(1)
    env.reset()
    for robot in robots:
        robot.sent = [robot.pose]
    steps = STEPS[arms] // 2
    for step in range(steps):
        ask = WAYS[step // 100 % len(WAYS)]
        *_, info = env.step(ask(rng, env.action_layout.size, step))
        assert np.abs(info["executed_action"]).max() <= 1
    for robot in robots:
        assert len(robot.sent) == steps + 1
        check_limits(robot.sent, env.arms[0].bounds)


def test_the_limits_do_bind(spec: TaskSpec) -> None:
    env, (robot,) = on_paper(spec, 1, 0.0)
    env.reset()
    robot.sent = [robot.pose]
    for step in range(400):
        env.step(WAYS[2 + step // 100 % 3](np.random.default_rng(0), 6, step))
    path = np.array([pose[:3] for pose in robot.sent])
    speeds = np.linalg.norm(np.diff(path, axis=0), axis=1) * RATE_HZ
    assert speeds.max() > 0.8 * LIMITS.speed_m_s
    low, high = path.min(axis=0), path.max(axis=0)
    assert (low - LOW[:3]).min() < 1e-3  # they get to the walls all the same
    assert (HIGH[:3] - high).min() < 1e-3


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("arms", [1, 2])
def test_what_is_no_number_moves_no_arm(spec: TaskSpec, broken: float, arms: int) -> None:
    env, robots = on_paper(spec, arms, 0.0)
    env.reset()
    before = [len(robot.sent) for robot in robots]
    for column in range(env.action_layout.size):
        action = np.zeros(env.action_layout.size)
        action[column] = broken
        with pytest.raises(SafetyStopError):
            env.step(action)
    assert [len(robot.sent) for robot in robots] == before


def turns() -> st.SearchStrategy[np.ndarray]:
    return st.tuples(*[st.floats(-1.5, 1.5)] * 3).map(np.array)


@settings(max_examples=200)
@given(turns())
def test_the_nearest_turn_is_in_box_and_cone_and_those_inside_stay(turn: np.ndarray) -> None:
    home = geometry.pose([0.5, 0, 0.1], geometry.quat_from_rpy([np.pi, 0.1, 0.3]))
    bounds = PoseBounds(BOUNDS, home)
    pose = geometry.compose(home, geometry.pose(np.zeros(3), geometry.quat_from_rotvec(turn)))
    inside = geometry.rotation_between(home, bounds.nearest(pose))
    assert (inside >= np.array(LOW[3:]) - 1e-9).all()
    assert (inside <= np.array(HIGH[3:]) + 1e-9).all()
    axis = geometry.rotate(geometry.quat_from_rotvec(inside), [0, 0, 1])
    assert np.arccos(np.clip(axis[2], -1, 1)) <= CONE_RAD + 1e-6
    is_in = (turn >= LOW[3:]).all() and (turn <= HIGH[3:]).all() and tilt_rad(turn) <= CONE_RAD
    if is_in:
        np.testing.assert_allclose(inside, turn, atol=1e-9)


def loads() -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    for _ in range(300):
        yield rng.normal(0, 15, 6)


def test_a_tool_that_presses_too_hard_goes_no_further_in_and_backs_out() -> None:
    limit = PressLimit(ArmControlSpec(bounds=BOUNDS, max_force_n=FORCE_N, max_torque_nm=TORQUE_NM))
    rng = np.random.default_rng(1)
    for load in loads():
        action = rng.uniform(-1, 1, 6)
        eased, changed = limit.eased(load, action)
        assert np.abs(eased).max() <= 1
        for half, most in ((slice(0, 3), FORCE_N), (slice(3, 6), TORQUE_NM)):
            size = np.linalg.norm(load[half])
            if size <= most:
                np.testing.assert_array_equal(eased[half], action[half])
                continue
            assert changed
            away = float(eased[half] @ load[half]) / size
            assert away > 0  # out of it
            assert away >= 0.5 * min(1.0, size / most - 1.0) / np.sqrt(3)


def test_an_arm_that_presses_too_hard_is_told_to_back_out(spec: TaskSpec) -> None:
    env, (robot,) = on_paper(spec, 1, 0.0)
    env.reset()
    place, robot.wrench = robot.pose.copy(), np.array([0, 0, -2 * FORCE_N, 0, 0, 0])
    *_, info = env.step(np.array([0, 0, 1.0, 0, 0, 0]))  # further in
    assert info["executed_action"][2] < 0
    away = geometry.rotate(place[3:], [0, 0, -1])
    assert (robot.sent[-1][:3] - place[:3]) @ away > 0


def test_the_first_way_of_a_real_arm_is_a_slow_one(spec: TaskSpec) -> None:
    env, (robot,) = on_paper(spec, 1, 0.0)
    robot.pose = geometry.pose(robot.pose[:3] + np.array([0.03, 0.02, 0.02]), robot.pose[3:])
    env.reset()
    assert 0 < max(robot.speeds) <= 0.1
    robot.speeds.clear()
    env.reset()
    assert max(robot.speeds) > 0.1


def test_without_limits_of_force_nothing_is_eased() -> None:
    limit = PressLimit(ArmControlSpec(bounds=BOUNDS))
    eased, changed = limit.eased(np.full(6, 1e3), np.ones(6))
    np.testing.assert_array_equal(eased, np.ones(6))
    assert not changed


def test_a_target_brakes_before_the_wall_and_does_not_jump_to_rest() -> None:
    home = geometry.pose([0.5, 0, 0.1], [1, 0, 0, 0])
    bounds = PoseBounds(Bounds(low=LOW, high=HIGH), home)
    pace = Pace(LIMITS, 1 / RATE_HZ, bounds)
    pace.begin_at(home)
    places, wall = [home[0]], geometry.pose([0.55, 0, 0.1], [1, 0, 0, 0])
    for _ in range(40):
        sent = pace.towards(wall)
        pace.went_to(sent)
        places.append(sent[0])
    speeds = np.diff(places)
    assert places[-1] == pytest.approx(0.55, abs=1e-6)
    assert np.abs(np.diff(speeds)).max() <= LIMITS.acceleration_m_s2 / RATE_HZ**2 + 1e-9
