"""Where a camera sits: on the tool, or fixed in the world.

The closed form is that of Park and Martin, "Robot sensor calibration: solving AX = XB on the
Euclidean group" (1994), over all pairs of poses.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilctl.calibration.copies import Indices, count_distinct, groups_of_poses

if TYPE_CHECKING:
    from scipy.spatial.transform import RigidTransform, Rotation

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


@dataclass(frozen=True)
class Motions:
    """The motions between sightings, pair by pair: AX = XB has one equation for each.

    Attributes:
        turns_other, turns_board: (P, 3) rotation vectors of A and B.
        rest_other: (P, 3, 3) rotation of A, less one.
        shifts_other, shifts_board: (P, 3) m.
    """

    turns_other: Array
    rest_other: Array
    shifts_other: Array
    turns_board: Array
    shifts_board: Array

    @classmethod
    def between(cls, seen: Sightings) -> Motions:
        """Return those between any two, in both directions: from i to j at i · N + j."""
        first, second = (index.reshape(-1) for index in np.indices((len(seen), len(seen))))
        A = seen.T_parent_other[first] * seen.T_parent_other[second].inv()
        B = seen.T_cam_board[first] * seen.T_cam_board[second].inv()
        return cls(
            A.rotation.as_rotvec(),
            A.rotation.as_matrix() - np.eye(3),
            A.translation,
            B.rotation.as_rotvec(),
            B.translation,
        )

    def among(self, drawn: Indices) -> Motions:
        """Return those of each pair of sightings, which may be drawn more than once."""
        count = round(np.sqrt(len(self.turns_other)))
        first, second = (drawn[half] for half in np.triu_indices(len(drawn), k=1))
        rows = first * count + second
        return Motions(*(getattr(self, field.name)[rows] for field in fields(self)))

    def turn(self) -> Rotation:
        """Return the rotation of the camera in its parent."""
        from scipy.spatial.transform import Rotation  # 0.3 s to import

        # the rotation nearest to (MᵀM)^(-1/2) Mᵀ of M = Σ β αᵀ, by singular values
        u, _, vt = np.linalg.svd(self.turns_board.T @ self.turns_other)
        mirror = np.diag([1.0, 1.0, np.linalg.det(vt.T @ u.T)])
        return Rotation.from_matrix(vt.T @ mirror @ u.T)

    def camera(self) -> RigidTransform:
        """Return the camera in its parent that fits all of them best."""
        from scipy.spatial.transform import RigidTransform

        turn = self.turn()
        right = turn.apply(self.shifts_board) - self.shifts_other
        place = np.linalg.lstsq(self.rest_other.reshape(-1, 3), right.reshape(-1))[0]
        return RigidTransform.from_components(place, turn)

    def board_scale(self) -> float:
        """Return the factor on the board's size that fits the robot's motions best."""
        turned = self.turn().apply(self.shifts_board).reshape(-1, 1)
        left = np.hstack([self.rest_other.reshape(-1, 3), -turned])
        return float(np.linalg.lstsq(left, -self.shifts_other.reshape(-1))[0][3])


def motions_of(seen: Sightings) -> Motions:
    """Return the motions of each pair of sightings."""
    return Motions.between(seen).among(np.arange(len(seen)))


def solve(seen: Sightings) -> HandEye:
    """Return the solution that fits all pairs of sightings best."""
    T_parent_cam = motions_of(seen).camera()
    boards = seen.T_parent_other.inv() * T_parent_cam * seen.T_cam_board
    return HandEye(T_parent_cam, boards.mean())


def errors(found: HandEye, seen: Sightings) -> tuple[Array, Array]:
    """Return (N,) m and (N,) rad between where the board is and where each picture puts it."""
    boards = seen.T_parent_other.inv() * found.T_parent_cam * seen.T_cam_board
    off = found.T_other_board.inv() * boards
    return np.linalg.norm(off.translation, axis=1), off.rotation.magnitude()
