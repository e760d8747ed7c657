"""Wrench actions: what is left of a push, where a tool may swing, and how it is stopped."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from bench_stand import Stand, open_stand
from hypothesis import given, settings
from hypothesis import strategies as st

from hilctl import geometry
from hilctl.env.bounds import PoseBounds
from hilctl.env.motion import motion_of
from hilctl.env.pushing import PushLimiter
from hilctl.env.safety import reset_pose
from hilctl.robots.base import RobotState
from hilctl.robots.sim import SimRobot
from hilctl.task.layout import ActionLayout
from hilctl.task.sections import ArmControlSpec, ArmSpec, Bounds
from hilctl.task.spec import TaskSpec

LOADS = {"ry": 6.0, "x": 30.0, "z": 50.0}  # in an order of its own
LOW, HIGH = (0.4, -0.1, 0.1, -0.3, -0.5, -0.3), (0.6, 0.1, 0.3, 0.3, 0.5, 0.3)
PERIOD_S = 0.1
BEYOND_M, BEYOND_RAD = 0.004, 0.03  # that a spring lets the tool out


def pushing(spec: TaskSpec) -> TaskSpec:
    bounds = Bounds(low=LOW, high=HIGH)
    control = spec.control.model_copy(
        update={"action": "wrench", "wrench": LOADS, "bounds": bounds, "max_episode_s": 100.0}
    )
    return spec.model_copy(update={"control": control, "cameras": {}})


@pytest.fixture(scope="module")
def stand_to_push(spec: TaskSpec) -> Iterator[Stand]:
    with open_stand(pushing(spec)) as opened:
        yield opened


def limiter_of(spec: TaskSpec) -> PushLimiter:
    task = pushing(spec)
    layout = ActionLayout.of(task)
    assert layout is not None
    arm = ArmSpec.model_construct(control=task.control, reset=task.reset)
    return PushLimiter(layout.parts[0], arm, SimRobot.limits, PERIOD_S)


numbers = st.tuples(*[st.floats(-2, 2)] * 3).map(np.array)
shares = st.tuples(*[st.floats(-0.2, 1.2)] * 6).map(np.array)
speeds = st.tuples(*[st.floats(-2, 2)] * 6).map(np.array)


def state_at(spec: TaskSpec, share: np.ndarray, velocity: np.ndarray) -> RobotState:
    at = np.array(LOW) + share * (np.array(HIGH) - LOW)
    home = reset_pose(spec.reset)
    quat = geometry.quat_multiply(home[3:], geometry.quat_from_rotvec(at[3:]))
    pose = geometry.pose(at[:3], quat)
    return RobotState(pose, velocity, np.zeros(6), np.zeros(7), 0.0, 0)


@settings(deadline=None, max_examples=100)
@given(shares, speeds, numbers)
def test_what_is_left_of_a_push_leads_nowhere_out(
    spec: TaskSpec, share: np.ndarray, velocity: np.ndarray, wanted: np.ndarray
) -> None:
    limiter, state = limiter_of(spec), state_at(spec, share, velocity)
    left = limiter.limit(state, wanted)
    clipped = np.clip(wanted, -1, 1)
    assert ((left == clipped) | (left == 0)).all()
    np.testing.assert_array_equal(limiter.limit(state, left), left)
    force = geometry.rotate(state.tcp_pose[3:], [LOADS["x"] * left[0], 0, LOADS["z"] * left[1]])
    soon = state.tcp_pose[:3] + PERIOD_S * velocity[:3]
    assert (force[soon >= HIGH[:3]] <= 1e-6).all()
    assert (force[soon <= np.array(LOW[:3])] >= -1e-6).all()
    if np.linalg.norm(velocity[:3]) > SimRobot.limits.swing_m_s:
        assert force @ velocity[:3] <= 1e-6


@given(numbers)
def test_in_the_middle_at_rest_a_push_is_what_was_wanted(
    spec: TaskSpec, wanted: np.ndarray
) -> None:
    state = state_at(spec, np.full(6, 0.5), np.zeros(6))
    np.testing.assert_array_equal(limiter_of(spec).limit(state, wanted), np.clip(wanted, -1, 1))


def swung(stand: Stand, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Execute actions; return (n, 2) how far out of bounds, and (n, 2) speeds, ten a period."""
    env, robot = stand.env, stand.robot
    env.reset()
    bounds = PoseBounds(env.task.control.bounds, reset_pose(env.task.reset))
    clock, outside, fast = env.clock, [], []
    for action in actions:
        executed = np.zeros(3)
        env.arms[0].send(action, executed)
        for _ in range(10):
            clock.sleep_until(clock.now_ns() + 10_000_000)
            state = robot.state()
            outside.append(bounds.outside(state.tcp_pose))
            halves = state.tcp_velocity.reshape(2, 3)
            fast.append(np.linalg.norm(halves, axis=1))
    return np.array(outside), np.array(fast)


@pytest.mark.parametrize("kind", ["random", "back and forth", "one way"])
def test_no_wrench_carries_the_tool_out_of_its_bounds_or_beyond_its_speed(
    stand_to_push: Stand, kind: str
) -> None:
    rng = np.random.default_rng(1)
    actions = rng.choice([-1.0, 1.0], (30, 3))
    if kind == "back and forth":
        actions = np.where(np.arange(30)[:, None] // 4 % 2, 1.0, -1.0) * np.ones(3)
    if kind == "one way":
        actions = np.tile([1.0, -1.0, 1.0], (15, 1))
    outside, fast = swung(stand_to_push, actions)
    assert outside[:, 0].max() < BEYOND_M
    assert outside[:, 1].max() < BEYOND_RAD
    limits = SimRobot.limits
    assert fast[:, 0].max() < 1.15 * limits.swing_m_s
    assert fast[:, 1].max() < 1.15 * limits.swing_rad_s
    assert fast[:, 0].max() > 0.4  # it did swing


def test_an_action_is_a_wrench_in_the_tools_frame_and_what_was_executed_is_told(
    stand_to_push: Stand,
) -> None:
    env = stand_to_push.env
    assert env.action_layout.columns == ("wrench_x", "wrench_z", "wrench_ry")
    before, _ = env.reset()
    obs, *_, info = env.step(np.array([0.0, -0.5, 0.0]))
    np.testing.assert_allclose(info["executed_action"], [0, -0.5, 0])
    moved_m = (obs["state"]["tcp_pose"] - before["state"]["tcp_pose"])[:3]
    assert moved_m[2] > 0.005  # the tool's z points down
    assert np.linalg.norm(moved_m[:2]) < moved_m[2]  # no more than inertia turns it aside
    for _ in range(30):
        *_, info = env.step(np.array([0.0, -1.0, 0.0]))
    assert info["executed_action"][1] in (0.0, -1.0)


def test_without_a_push_the_tool_goes_back_softly_to_where_it_began(stand_to_push: Stand) -> None:
    env = stand_to_push.env
    start, _ = env.reset()
    for _ in range(3):
        env.step(np.array([0.0, -0.5, 0.0]))
    for _ in range(20):
        obs, *_ = env.step(env.idle_action())
    away_m = obs["state"]["tcp_pose"][:3] - start["state"]["tcp_pose"][:3]
    assert np.linalg.norm(away_m) < 0.01


def test_a_hand_drives_the_numbers_that_there_are(stand_to_push: Stand) -> None:
    twist = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    np.testing.assert_array_equal(stand_to_push.env.driven_by(twist, 0), [0.1, 0.3, 0.5])


def test_joints_are_observed_with_their_velocities(stand_to_push: Stand) -> None:
    env = stand_to_push.env
    env.reset()
    before = env.look()["state"]["joint_position"]
    obs, *_ = env.step(np.array([0.5, -0.5, 0.0]))
    assert obs["state"]["joint_velocity"].shape == before.shape == (7,)
    moved = obs["state"]["joint_position"] - before
    assert moved @ obs["state"]["joint_velocity"] > 0


def test_what_presses_too_hard_backs_out_along_the_load(stand_to_push: Stand) -> None:
    task = pushing(stand_to_push.spec)
    control = ArmControlSpec(
        action="wrench", wrench=LOADS, bounds=Bounds(low=LOW, high=HIGH), max_force_n=10.0
    )
    arm = ArmSpec.model_construct(control=control, reset=task.reset)
    layout = ActionLayout.of(task)
    assert layout is not None
    motion = motion_of("", arm, stand_to_push.robot, layout, 10.0)
    state = stand_to_push.robot.state()
    load = np.array([0, 0, -30.0, 0, 0, 0])
    pressed = RobotState(state.tcp_pose, np.zeros(6), load, state.q, 0.0, 0)
    executed = motion.send(pressed, np.array([0.2, 1.0, 0.0]), None)
    np.testing.assert_allclose(executed, [0.2, -1.0, 0.0])
