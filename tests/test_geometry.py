"""Rigid-body maths: the laws of poses, at every angle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hilctl import geometry

Array = NDArray[np.float64]

laws = settings(deadline=None, max_examples=80)


@st.composite
def axes(draw: st.DrawFn) -> Array:
    azimuth = draw(st.floats(-math.pi, math.pi))
    height = draw(st.floats(-1, 1))
    ring = math.sqrt(1 - height * height)
    return np.array([ring * math.cos(azimuth), ring * math.sin(azimuth), height])


angles = st.floats(0, math.pi) | st.sampled_from(
    [0.0, 1e-12, 1e-7, 9e-5, 1.1e-4, math.pi - 1e-3, math.pi - 1e-7, math.pi - 1e-12, math.pi]
)


@st.composite
def rotvecs(draw: st.DrawFn) -> Array:
    return draw(axes()) * draw(angles)


@st.composite
def quats(draw: st.DrawFn) -> Array:
    q = geometry.quat_from_rotvec(draw(rotvecs()))
    return q if draw(st.booleans()) else -q


@st.composite
def poses(draw: st.DrawFn) -> Array:
    position = draw(st.tuples(*[st.floats(-2, 2)] * 3))
    return geometry.pose(position, draw(quats()))


def rodrigues(axis: Array, angle: float) -> Array:
    """Return the rotation matrix straight from its definition."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


def homogeneous(T: Array) -> Array:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = geometry.quat_to_matrix(T[3:]), T[:3]
    return matrix


def angle_between(q: Array, r: Array) -> float:
    """Return the angle in rad that takes `q` to `r`, precise when it is small."""
    sign = math.copysign(1.0, float(q @ r))
    return 4 * math.asin(min(1.0, float(np.linalg.norm(q - sign * r)) / 2))


def assert_same_rotation(q: Array, r: Array, *, tolerance_rad: float = 1e-7) -> None:
    assert angle_between(q, r) < tolerance_rad


def assert_same_pose(T: Array, U: Array) -> None:
    np.testing.assert_allclose(T[:3], U[:3], atol=1e-9)
    assert_same_rotation(T[3:], U[3:])


@laws
@given(axes(), angles)
def test_a_rotation_vector_turns_about_its_axis_by_its_length(axis: Array, angle: float) -> None:
    q = geometry.quat_from_rotvec(axis * angle)
    assert np.linalg.norm(q) == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(geometry.quat_to_matrix(q), rodrigues(axis, angle), atol=1e-9)


@laws
@given(rotvecs())
def test_rotation_vector_to_quaternion_and_back(rotvec: Array) -> None:
    back = geometry.rotvec_from_quat(geometry.quat_from_rotvec(rotvec))
    assert np.linalg.norm(back) <= math.pi + 1e-12
    # at exactly π the opposite vector is the same rotation
    error = min(np.linalg.norm(back - rotvec), np.linalg.norm(back + rotvec))
    if np.linalg.norm(rotvec) < math.pi - 1e-6:
        error = np.linalg.norm(back - rotvec)
    assert error < 1e-7


@laws
@given(quats())
def test_quaternion_to_matrix_and_back(q: Array) -> None:
    matrix = geometry.quat_to_matrix(q)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(matrix) == pytest.approx(1)
    back = geometry.quat_from_matrix(matrix)
    assert back[3] >= 0
    assert_same_rotation(back, q)


@laws
@given(quats())
def test_a_quaternion_and_its_negative_are_the_same_rotation(q: Array) -> None:
    np.testing.assert_allclose(geometry.quat_to_matrix(q), geometry.quat_to_matrix(-q))
    if abs(q[3]) > 1e-9:
        np.testing.assert_allclose(geometry.rotvec_from_quat(q), geometry.rotvec_from_quat(-q))


@laws
@given(quats(), quats())
def test_products_of_quaternions_are_products_of_matrices(q: Array, r: Array) -> None:
    product = geometry.quat_to_matrix(geometry.quat_multiply(q, r))
    expected = geometry.quat_to_matrix(q) @ geometry.quat_to_matrix(r)
    np.testing.assert_allclose(product, expected, atol=1e-9)


@laws
@given(poses())
def test_a_pose_times_its_inverse_is_the_identity(T: Array) -> None:
    assert_same_pose(geometry.compose(T, geometry.inverse(T)), geometry.IDENTITY)
    assert_same_pose(geometry.compose(geometry.inverse(T), T), geometry.IDENTITY)
    assert_same_pose(geometry.inverse(geometry.inverse(T)), T)


@laws
@given(poses(), poses())
def test_composition_is_the_product_of_homogeneous_matrices(T_a_b: Array, T_b_c: Array) -> None:
    product = homogeneous(geometry.compose(T_a_b, T_b_c))
    np.testing.assert_allclose(product, homogeneous(T_a_b) @ homogeneous(T_b_c), atol=1e-9)


@laws
@given(poses(), poses(), poses())
def test_chains_of_poses_may_be_grouped_freely(T_a_b: Array, T_b_c: Array, T_c_d: Array) -> None:
    left = geometry.compose(geometry.compose(T_a_b, T_b_c), T_c_d)
    right = geometry.compose(T_a_b, geometry.compose(T_b_c, T_c_d))
    assert_same_pose(left, right)


def test_long_chains_keep_unit_quaternions() -> None:
    turn = geometry.pose([0.01, 0, 0], geometry.quat_from_rotvec([0.1, 0.2, -0.3]))
    T = geometry.IDENTITY
    for _ in range(10_000):
        T = geometry.compose(T, turn)
    assert np.linalg.norm(T[3:]) == pytest.approx(1, abs=1e-12)


@laws
@given(quats(), quats(), st.floats(0, 1))
def test_slerp_stays_unit_and_on_the_shortest_arc(q: Array, r: Array, t: float) -> None:
    whole = angle_between(q, r)
    between = geometry.slerp(q, r, t)
    assert np.linalg.norm(between) == pytest.approx(1, abs=1e-9)
    assert angle_between(q, between) == pytest.approx(t * whole, abs=1e-6)
    assert angle_between(between, r) == pytest.approx((1 - t) * whole, abs=1e-6)


@laws
@given(axes(), st.floats(0, 1))
@example(axis=np.array([0.0, 0.0, 1.0]), t=0.5)
def test_one_degree_across_pi_is_interpolated_as_one_degree(axis: Array, t: float) -> None:
    # rotation vectors of these two point in opposite directions, and so do their quaternions
    half_rad = math.radians(0.5)
    before = geometry.quat_from_rotvec(axis * (math.pi - half_rad))
    after = geometry.quat_from_rotvec(-axis * (math.pi - half_rad))
    assert angle_between(before, after) == pytest.approx(2 * half_rad)
    between = geometry.slerp(before, after, t)
    assert np.linalg.norm(between) == pytest.approx(1, abs=1e-12)
    assert angle_between(before, between) == pytest.approx(2 * half_rad * t, abs=1e-9)


@laws
@given(poses(), poses())
def test_interpolation_starts_and_ends_where_it_should(T_a_b: Array, T_a_c: Array) -> None:
    assert_same_pose(geometry.interpolate(T_a_b, T_a_c, 0.0), T_a_b)
    assert_same_pose(geometry.interpolate(T_a_b, T_a_c, 1.0), T_a_c)
    middle = geometry.interpolate(T_a_b, T_a_c, 0.5)
    np.testing.assert_allclose(middle[:3], (T_a_b[:3] + T_a_c[:3]) / 2, atol=1e-12)


@laws
@given(poses(), poses())
def test_rotation_between_is_what_turns_one_frame_into_the_other(
    T_a_b: Array, T_a_c: Array
) -> None:
    turn = geometry.pose(
        [0, 0, 0], geometry.quat_from_rotvec(geometry.rotation_between(T_a_b, T_a_c))
    )
    assert_same_rotation(geometry.compose(T_a_b, turn)[3:], T_a_c[3:])


@laws
@given(st.tuples(*[st.floats(-math.pi, math.pi)] * 3))
def test_roll_pitch_yaw_turn_about_fixed_axes_in_that_order(rpy: tuple[float, ...]) -> None:
    roll, pitch, yaw = (rodrigues(axis, a) for axis, a in zip(np.eye(3), rpy, strict=True))
    matrix = geometry.quat_to_matrix(geometry.quat_from_rpy(rpy))
    np.testing.assert_allclose(matrix, yaw @ pitch @ roll, atol=1e-9)
