"""Rigid-body maths on poses `T_a_b`: (7,) arrays of metres and an xyzw unit quaternion.

`T_a_b` is the pose of frame b in frame a, so products chain: `T_a_c = compose(T_a_b, T_b_c)`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
IDENTITY: Array = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])


def quat_multiply(q: ArrayLike, r: ArrayLike) -> Array:
    """Return the product of two (4,) xyzw quaternions: first `r`, then `q`."""
    x1, y1, z1, w1 = np.asarray(q, dtype=float).tolist()  # three times as quick as numpy's numbers
    x2, y2, z2, w2 = np.asarray(r, dtype=float).tolist()
    return np.array(
        [
            w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2,
            w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2,
            w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2,
            w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2,
        ]
    )


def quat_conjugate(q: ArrayLike) -> Array:
    """Return the inverse rotation of a (4,) xyzw unit quaternion."""
    return np.asarray(q, dtype=float) * np.array([-1.0, -1.0, -1.0, 1.0])


def rotate(q: ArrayLike, v: ArrayLike) -> Array:
    """Rotate the (3,) vector `v` by the (4,) xyzw unit quaternion `q`."""
    return quat_to_matrix(q) @ np.asarray(v, dtype=float)


def quat_to_matrix(q: ArrayLike) -> Array:
    """Return the (3, 3) rotation matrix of a (4,) xyzw unit quaternion."""
    x, y, z, w = np.asarray(q, dtype=float).tolist()
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def quat_from_matrix(matrix: ArrayLike) -> Array:
    """Return the (4,) xyzw unit quaternion of a (3, 3) rotation matrix, w ≥ 0.

    Source: the largest-eigenvector form of Bar-Itzhack (2000), stable at every angle.
    """
    m = np.asarray(matrix, dtype=float)
    k = np.array(
        [
            [m[0, 0] - m[1, 1] - m[2, 2], 0, 0, 0],
            [m[0, 1] + m[1, 0], m[1, 1] - m[0, 0] - m[2, 2], 0, 0],
            [m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], m[2, 2] - m[0, 0] - m[1, 1], 0],
            [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], np.trace(m)],
        ]
    )
    q: Array = np.linalg.eigh(k, UPLO="L")[1][:, -1]
    return q if q[3] >= 0 else -q


def quat_from_rotvec(rotvec: ArrayLike) -> Array:
    """Return the (4,) xyzw quaternion of a (3,) rotation vector in rad."""
    v = np.asarray(rotvec, dtype=float)
    angle = float(np.linalg.norm(v))
    # sin(a/2)/a → 1/2 − a²/48: exact to double precision below 1e-4 rad
    scale = 0.5 - angle * angle / 48.0 if angle < 1e-4 else math.sin(angle / 2) / angle
    return np.array([*(v * scale), math.cos(angle / 2)])


def rotvec_from_quat(q: ArrayLike) -> Array:
    """Return the (3,) rotation vector in rad, angle in [0, π], of a (4,) xyzw quaternion."""
    x, y, z, w = np.asarray(q, dtype=float)
    if w < 0:
        x, y, z, w = -x, -y, -z, -w
    sine = math.sqrt(x * x + y * y + z * z)
    scale = 2.0 / w if sine < 1e-9 else 2.0 * math.atan2(sine, w) / sine
    return np.array([x, y, z]) * scale


def quat_from_rpy(rpy: Sequence[float]) -> Array:
    """Return the (4,) xyzw quaternion of roll, pitch, yaw in rad about the fixed x, y, z axes."""
    roll, pitch, yaw = (quat_from_rotvec(a * axis) for a, axis in zip(rpy, np.eye(3), strict=True))
    return quat_multiply(yaw, quat_multiply(pitch, roll))


def slerp(q: ArrayLike, r: ArrayLike, t: float) -> Array:
    """Interpolate along the shortest arc from `q` (t = 0) to `r` (t = 1)."""
    delta = rotvec_from_quat(quat_multiply(r, quat_conjugate(q)))
    return quat_multiply(quat_from_rotvec(t * delta), q)


def pose(position: ArrayLike, quat: ArrayLike) -> Array:
    """Return the (7,) pose of a (3,) position in m and a (4,) xyzw quaternion."""
    return np.concatenate([np.asarray(position, dtype=float), np.asarray(quat, dtype=float)])


def compose(T_a_b: ArrayLike, T_b_c: ArrayLike) -> Array:
    """Return `T_a_c`, renormalised."""
    ab, bc = np.asarray(T_a_b, dtype=float), np.asarray(T_b_c, dtype=float)
    q = quat_multiply(ab[3:], bc[3:])
    return pose(ab[:3] + rotate(ab[3:], bc[:3]), q / np.linalg.norm(q))


def inverse(T_a_b: ArrayLike) -> Array:
    """Return `T_b_a`."""
    ab = np.asarray(T_a_b, dtype=float)
    q = quat_conjugate(ab[3:])
    return pose(-rotate(q, ab[:3]), q)


def interpolate(T_a_b: ArrayLike, T_a_c: ArrayLike, t: float) -> Array:
    """Return the pose a share `t` of the way: straight line and shortest arc."""
    b, c = np.asarray(T_a_b, dtype=float), np.asarray(T_a_c, dtype=float)
    return pose((1 - t) * b[:3] + t * c[:3], slerp(b[3:], c[3:], t))


def rotation_between(T_a_b: ArrayLike, T_a_c: ArrayLike) -> Array:
    """Return the (3,) rotation vector in rad, in frame b, that turns b into c."""
    b, c = np.asarray(T_a_b, dtype=float), np.asarray(T_a_c, dtype=float)
    return rotvec_from_quat(quat_multiply(quat_conjugate(b[3:]), c[3:]))


def duration_between(
    T_a_b: ArrayLike, T_a_c: ArrayLike, speed_m_s: float, speed_rad_s: float
) -> float:
    """Return the seconds from one pose to another at no more than these speeds."""
    b, c = np.asarray(T_a_b, dtype=float), np.asarray(T_a_c, dtype=float)
    turn_rad = float(np.linalg.norm(rotation_between(b, c)))
    return max(float(np.linalg.norm(c[:3] - b[:3])) / speed_m_s, turn_rad / speed_rad_s)
