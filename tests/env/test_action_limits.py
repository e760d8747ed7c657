"""What is sent to the arm: inside the bounds, at limited speed; what is told is what was sent."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hilctl import geometry
from hilctl.env.safety import ActionLimiter, reset_pose
from hilctl.task.sections import Bounds, ControlSpec, ResetSpec

TRANSLATION_M, ROTATION_RAD = 0.01, 0.06
SCALE = np.repeat([TRANSLATION_M, ROTATION_RAD], 3)
LOW = np.array([0.45, -0.05, 0.06, -0.2, -0.15, -0.3])
HIGH = np.array([0.55, 0.05, 0.20, 0.2, 0.25, 0.3])
RESET = ResetSpec(pose=(0.5, 0.0, 0.15, np.pi, 0.0, 0.3))
LIMITER = ActionLimiter(
    ControlSpec(
        translation_m=TRANSLATION_M,
        rotation_rad=ROTATION_RAD,
        bounds=Bounds(low=tuple(LOW), high=tuple(HIGH)),
    ),
    RESET,
)

laws = settings(deadline=None, max_examples=150)


def pose_at(bounds_coordinates: np.ndarray) -> np.ndarray:
    """Return the pose of x, y, z and a rotation vector relative to the reset pose."""
    turn = geometry.quat_from_rotvec(bounds_coordinates[3:])
    quat = geometry.quat_multiply(reset_pose(RESET)[3:], turn)
    return geometry.pose(bounds_coordinates[:3], quat)


def bounds_coordinates(T: np.ndarray) -> np.ndarray:
    return np.concatenate([T[:3], geometry.rotation_between(reset_pose(RESET), T)])


def outside(T: np.ndarray) -> np.ndarray:
    """Return by how much each coordinate is out of bounds."""
    at = bounds_coordinates(T)
    return np.maximum(0, np.maximum(LOW - at, at - HIGH))


def numbers(low: float, high: float) -> st.SearchStrategy[np.ndarray]:
    return st.tuples(*[st.floats(low, high)] * 6).map(np.array)


inside_poses = numbers(0, 1).map(lambda share: pose_at(LOW + share * (HIGH - LOW)))
# up to 2 cm and a tenth of a radian beyond
nearby_poses = numbers(-0.2, 1.2).map(lambda share: pose_at(LOW + share * (HIGH - LOW)))
actions = numbers(-3, 3)


@laws
@given(nearby_poses, actions)
def test_the_executed_action_is_what_leads_to_the_target(
    here: np.ndarray, action: np.ndarray
) -> None:
    target, executed = LIMITER.limit(here, action)
    assert np.abs(executed).max() <= 1
    step = executed * SCALE
    led_to = geometry.compose(here, geometry.pose(step[:3], geometry.quat_from_rotvec(step[3:])))
    np.testing.assert_allclose(led_to[:3], target[:3], atol=1e-9)
    assert np.linalg.norm(geometry.rotation_between(led_to, target)) < 1e-7


@laws
@given(inside_poses, actions)
def test_from_inside_the_bounds_no_target_lies_outside(
    here: np.ndarray, action: np.ndarray
) -> None:
    target, _ = LIMITER.limit(here, action)
    assert outside(target)[:3].max() < 1e-9
    # a box of rotation vectors is not quite convex
    assert outside(target)[3:].max() < 0.005


@laws
@given(nearby_poses, actions)
def test_from_outside_the_arm_comes_back_at_limited_speed(
    here: np.ndarray, action: np.ndarray
) -> None:
    target, _ = LIMITER.limit(here, action)
    assert np.linalg.norm(target[:3] - here[:3]) <= np.sqrt(3) * TRANSLATION_M + 1e-9
    turn = np.linalg.norm(geometry.rotation_between(here, target))
    assert turn <= np.sqrt(3) * ROTATION_RAD + 1e-7
    if outside(here)[:3].max() > 1e-6:
        assert np.linalg.norm(outside(target)[:3]) < np.linalg.norm(outside(here)[:3])


@laws
@given(nearby_poses)
def test_an_arm_left_alone_outside_returns_into_the_bounds(here: np.ndarray) -> None:
    for _ in range(30):
        here, _ = LIMITER.limit(here, np.zeros(6))
    assert outside(here).max() < 1e-6


@laws
@given(numbers(0.3, 0.7).map(lambda share: pose_at(LOW + share * (HIGH - LOW))), numbers(-1, 1))
def test_far_from_the_bounds_an_action_is_executed_as_it_is(
    here: np.ndarray, action: np.ndarray
) -> None:
    _, executed = LIMITER.limit(here, action * 0.5)
    np.testing.assert_allclose(executed, action * 0.5, atol=1e-6)


@laws
@given(inside_poses, st.floats(-1, 1))
def test_a_push_along_the_tool_commands_no_turn_and_no_sideways_motion(
    here: np.ndarray, push: float
) -> None:
    # the lever arm of a twist adjoint would turn the tool by 2° a step here
    target, executed = LIMITER.limit(here, np.array([0, 0, push, 0, 0, 0]))
    assert np.linalg.norm(geometry.rotation_between(here, target)) < 1e-7
    np.testing.assert_allclose(executed[3:], 0, atol=1e-6)
    if (
        outside(geometry.compose(here, geometry.pose([0, 0, push * 0.01], [0, 0, 0, 1])))[:3].max()
        == 0
    ):
        tool_z = geometry.rotate(here[3:], [0, 0, 1])
        np.testing.assert_allclose(target[:3] - here[:3], push * 0.01 * tool_z, atol=1e-9)


def test_actions_are_steps_in_the_tools_own_frame() -> None:
    here = pose_at(np.array([0.5, 0, 0.1, 0, 0, 0]))
    target, _ = LIMITER.limit(here, np.array([0, 0, 1.0, 0, 0, 0]))
    np.testing.assert_allclose(target[:3] - here[:3], [0, 0, -0.01], atol=1e-9)  # tool z is down


def test_wishes_beyond_one_are_cut_to_one() -> None:
    here = pose_at(np.array([0.5, 0, 0.1, 0, 0, 0]))
    wild, tame = np.array([1.31, 0, -9, 0, 0, 2]), np.array([1, 0, -1, 0, 0, 1])
    for of_wild, of_tame in zip(LIMITER.limit(here, wild), LIMITER.limit(here, tame), strict=True):
        np.testing.assert_array_equal(of_wild, of_tame)


def test_a_wall_is_slid_along_and_the_executed_action_says_so() -> None:
    here = pose_at(np.array([HIGH[0] - 0.002, 0, 0.1, 0, 0, -0.3]))
    towards_wall = geometry.rotate(geometry.quat_conjugate(here[3:]), [0.6, 0, 0])
    along_wall = geometry.rotate(geometry.quat_conjugate(here[3:]), [0, 0.4, 0])
    target, executed = LIMITER.limit(here, np.array([*(towards_wall + along_wall), 0, 0, 0]))
    np.testing.assert_allclose(target[:3] - here[:3], [0.002, 0.004, 0], atol=1e-9)
    wall_share = geometry.rotate(here[3:], executed[:3])
    np.testing.assert_allclose(wall_share, [0.2, 0.4, 0], atol=1e-6)
