"""Where a camera sits: on the tool, or fixed in the world.

The closed form is that of Park and Martin, "Robot sensor calibration: solving AX = XB on the
Euclidean group" (1994), over all pairs of poses.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from hilctl.calibration.copies import Indices, count_distinct, groups_of_poses

Array = NDArray[np.float64]


class Mount(enum.StrEnum):
    """What carries the camera; the board is on the other."""

    TOOL = "tool"
    WORLD = "world"


@dataclass(frozen=True)
class HandEye:
    """The camera in its parent, and the board in the other frame.

    Attributes:
        T_parent_cam: parent is the tcp (`Mount.TOOL`) or the base (`Mount.WORLD`).
        T_other_board: other is the base or the tcp.
    """

    T_parent_cam: RigidTransform
    T_other_board: RigidTransform


@dataclass(frozen=True)
class Sightings:
    """The same moments as the robot and as the camera tell them.

    Attributes:
        T_parent_other: (N,) base in tcp for a camera on the tool, tcp in base for a fixed one.
        T_cam_board: (N,) the board as the camera saw it.
        groups: (N,) numbers; those from one pose of the tool have the same.
    """

    T_parent_other: RigidTransform
    T_cam_board: RigidTransform
    groups: Indices

    @classmethod
    def of(cls, T_base_tcp: RigidTransform, T_cam_board: RigidTransform, mount: Mount) -> Sightings:
        """Return what (N,) poses of the robot and of the board mean for a mount."""
        T_parent_other = T_base_tcp.inv() if mount is Mount.TOOL else T_base_tcp
        return cls(T_parent_other, T_cam_board, groups_of_poses(T_base_tcp))

    @property
    def distinct(self) -> int:
        """From how many distinct poses they are."""
        return count_distinct(self.groups)

    def __len__(self) -> int:
        return len(self.T_cam_board)

    def __getitem__(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> Sightings:
        """Return those chosen by index or by mask."""
        return Sightings(self.T_parent_other[chosen], self.T_cam_board[chosen], self.groups[chosen])


def solve(seen: Sightings) -> HandEye:
    """Return the solution that fits all pairs of sightings best."""
    first, second = np.triu_indices(len(seen), k=1)
    A = seen.T_parent_other[first] * seen.T_parent_other[second].inv()
    B = seen.T_cam_board[first] * seen.T_cam_board[second].inv()
    # the rotation nearest to (MᵀM)^(-1/2) Mᵀ of M = Σ β αᵀ, by singular values
    u, _, vt = np.linalg.svd(B.rotation.as_rotvec().T @ A.rotation.as_rotvec())
    mirror = np.diag([1.0, 1.0, np.linalg.det(vt.T @ u.T)])
    turn = Rotation.from_matrix(vt.T @ mirror @ u.T)
    left = (A.rotation.as_matrix() - np.eye(3)).reshape(-1, 3)
    right = (turn.apply(B.translation) - A.translation).reshape(-1)
    T_parent_cam = RigidTransform.from_components(np.linalg.lstsq(left, right)[0], turn)
    boards = seen.T_parent_other.inv() * T_parent_cam * seen.T_cam_board
    return HandEye(T_parent_cam, boards.mean())


def board_scale(seen: Sightings) -> float:
    """Return the factor on the board's size that fits the robot's motions best."""
    first, second = np.triu_indices(len(seen), k=1)
    A = seen.T_parent_other[first] * seen.T_parent_other[second].inv()
    B = seen.T_cam_board[first] * seen.T_cam_board[second].inv()
    turned = solve(seen).T_parent_cam.rotation.apply(B.translation).reshape(-1, 1)
    left = np.hstack([(A.rotation.as_matrix() - np.eye(3)).reshape(-1, 3), -turned])
    return float(np.linalg.lstsq(left, -A.translation.reshape(-1))[0][3])


def errors(found: HandEye, seen: Sightings) -> tuple[Array, Array]:
    """Return (N,) m and (N,) rad between where the board is and where each picture puts it."""
    boards = seen.T_parent_other.inv() * found.T_parent_cam * seen.T_cam_board
    off = found.T_other_board.inv() * boards
    return np.linalg.norm(off.translation, axis=1), off.rotation.magnitude()
