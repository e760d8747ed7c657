"""The simulated arm: the published kinematics, and what its controller does and does not do."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from arm_in_a_scene import at, glide, run, world_of

from hilctl import geometry
from hilctl.sim.impedance import Gains

# Franka Emika Panda, modified (Craig) Denavit-Hartenberg parameters from the maker's manual
DH_A_M = (0, 0, 0, 0.0825, -0.0825, 0, 0.088)
DH_D_M = (0.333, 0, 0.316, 0, 0.384, 0, 0)
DH_ALPHA = (0, -np.pi / 2, np.pi / 2, np.pi / 2, -np.pi / 2, np.pi / 2, np.pi / 2)
FLANGE_M, HAND_YAW, TCP_M = 0.107, -np.pi / 4, 0.1034
LIMITS = [
    (-2.8973, 2.8973), (-1.7628, 1.7628), (-2.8973, 2.8973), (-3.0718, -0.0698),
    (-2.8973, 2.8973), (-0.0175, 3.7525), (-2.8973, 2.8973),
]  # fmt: skip
TORQUE_LIMITS = [87, 87, 87, 87, 12, 12, 12]


def turn(axis: str, angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    matrix = np.eye(4)
    if axis == "x":
        matrix[1:3, 1:3] = [[c, -s], [s, c]]
    else:
        matrix[:2, :2] = [[c, -s], [s, c]]
    return matrix


def shift(x: float, z: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[0, 3], matrix[2, 3] = x, z
    return matrix


def published_tcp(q: np.ndarray) -> np.ndarray:
    T = np.eye(4)
    for a, d, alpha, angle in zip(DH_A_M, DH_D_M, DH_ALPHA, q, strict=True):
        T = T @ turn("x", alpha) @ shift(a, 0) @ turn("z", angle) @ shift(0, d)
    return T @ shift(0, FLANGE_M) @ turn("z", HAND_YAW) @ shift(0, TCP_M)


JOINTS = [
    np.zeros(7),
    np.array([0.0, -0.785, 0.0, -2.356, 0.0, 1.571, 0.785]),
    np.array([0.3, 0.4, -0.5, -1.2, 0.7, 2.0, -1.1]),
    *np.random.default_rng(0).uniform(*np.array(LIMITS).T, (5, 7)),
]


@pytest.mark.parametrize("q", JOINTS, ids=lambda q: " ".join(f"{angle:.2f}" for angle in q))
def test_the_tool_is_where_the_published_kinematics_put_it(q: np.ndarray) -> None:
    world = world_of("reach")
    world.data.qpos[:] = q
    mujoco.mj_kinematics(world.model, world.data)
    expected = published_tcp(q)
    tcp = world.tcp_pose()
    np.testing.assert_allclose(tcp[:3], expected[:3, 3], atol=1e-6)
    np.testing.assert_allclose(geometry.quat_to_matrix(tcp[3:]), expected[:3, :3], atol=1e-6)


def test_joint_and_torque_limits_are_the_published_ones() -> None:
    model = world_of("reach").model
    np.testing.assert_allclose(model.jnt_range, LIMITS)
    np.testing.assert_allclose(model.actuator_ctrlrange, [(-t, t) for t in TORQUE_LIMITS])


def test_torques_stay_within_their_limits_however_far_the_target_is() -> None:
    world = world_of("reach", seed=0)
    world.set_target(at(-0.5, 0.5, 0.9, tilt_rad=2.0))
    for _ in range(100):
        assert (np.abs(world.controller.torques()) <= TORQUE_LIMITS).all()
        run(world, 0.02)
    low, high = np.array(LIMITS).T
    assert ((world.data.qpos > low - 0.05) & (world.data.qpos < high + 0.05)).all()


def test_the_controller_runs_at_500_hz_or_more(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of("reach")
    calls = 0
    really = world.controller.torques

    def counted() -> np.ndarray:
        nonlocal calls
        calls += 1
        return really()

    monkeypatch.setattr(world.controller, "torques", counted)
    run(world, 1.0)
    assert calls >= 500
    assert world.model.opt.timestep <= 0.002


def test_the_arm_stands_still_at_home() -> None:
    world = world_of("insert")
    run(world, 2.0)
    np.testing.assert_allclose(world.tcp_pose()[:3], world.scene.home_tcp[:3], atol=5e-4)
    assert np.linalg.norm(world.tcp_velocity()) < 1e-3
    np.testing.assert_array_equal(world.wrench, np.zeros(6))


@pytest.mark.parametrize("direction", [(1, 0, 0), (0, 1, 0), (0, 0, -1)])
def test_full_actions_are_tracked_in_steady_state(direction: tuple[int, ...]) -> None:
    # as the environment does it: 10 Hz, each target 1 cm from where the tool is now
    world = world_of("reach")
    glide(world, at(0.45, -0.05, 0.25), 1.0)
    travelled_m = []
    for _ in range(10):
        here = world.tcp_pose()
        world.set_target(geometry.pose(here[:3] + 0.01 * np.array(direction), here[3:]))
        run(world, 0.1)
        travelled_m.append((world.tcp_pose()[:3] - here[:3]) @ direction)
    assert np.mean(travelled_m[4:]) >= 0.0085
    assert np.max(travelled_m) <= 0.0115


def test_going_back_and_forth_does_not_drift_in_the_null_space() -> None:
    world = world_of("reach")
    glide(world, at(0.5, 0.0, 0.2), 1.0)
    start_q = world.data.qpos.copy()
    start = world.tcp_pose()
    for _ in range(5):
        for sign in (1, -1):
            for _ in range(5):
                here = world.tcp_pose()
                step = sign * np.array([0.004, 0.008, -0.003])
                world.set_target(geometry.pose(here[:3] + step, start[3:]))
                run(world, 0.1)
    glide(world, start, 0.5)
    assert np.rad2deg(np.abs(world.data.qpos - start_q)).max() < 3


def test_the_velocity_is_that_of_the_tool_in_the_base_frame() -> None:
    world = world_of("reach")
    world.set_target(at(0.55, 0.03, 0.14, tilt_rad=0.3))
    run(world, 0.1)
    before, velocity = world.tcp_pose(), world.tcp_velocity()
    run(world, 0.002)
    after = world.tcp_pose()
    turned = geometry.rotate(before[3:], geometry.rotation_between(before, after))
    measured = np.concatenate([after[:3] - before[:3], turned]) / 0.002
    assert np.linalg.norm(velocity[:3]) > 0.02
    assert np.linalg.norm(velocity[3:]) > 0.02
    np.testing.assert_allclose(velocity, measured, atol=0.02)


def press_on_table(depth_m: float, tilt_rad: float = 0.0) -> np.ndarray:
    """Push the peg onto the bare table and return the (6,) wrench in the tool's frame."""
    world = world_of("insert")
    glide(world, at(0.6, 0.15, 0.10, tilt_rad), 1.0)
    goal = at(0.6, 0.15, 0.055 - depth_m, tilt_rad)
    glide(world, goal, 1.5)
    run(world, 0.1)
    return world.wrench


def test_the_force_on_the_tool_opposes_the_push() -> None:
    force = press_on_table(0.05)[:3]
    assert force[2] < -5  # tool z points down, the table pushes up
    assert np.linalg.norm(force[:2]) < 0.5 * abs(force[2])


def test_the_contact_force_is_limited_however_far_the_target_lies_below_the_table() -> None:
    gains = Gains()
    bound_n = gains.stiffness_n_m * gains.clip_m
    pushes = [abs(press_on_table(depth_m)[2]) for depth_m in (0.02, 0.08)]
    assert pushes[0] > 0.6 * bound_n
    assert max(pushes) < 1.25 * bound_n
    assert pushes[1] == pytest.approx(pushes[0], rel=0.2)


def test_the_force_is_told_in_the_tools_frame() -> None:
    # tilted by +0.15 rad about tool x, "up" has a share along tool y
    force = press_on_table(0.05, tilt_rad=0.15)[:3]
    up_in_tool = geometry.rotate(geometry.quat_conjugate(at(0, 0, 0, 0.15)[3:]), [0, 0, 1])
    assert force @ up_in_tool > 0.85 * np.linalg.norm(force)
