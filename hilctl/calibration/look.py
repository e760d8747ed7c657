"""How a board is seen by a camera that is known only roughly, and whether two looks differ."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hilctl.calibration.boards.base import Board, Detection
from hilctl.calibration.intrinsics import Intrinsics

Array = NDArray[np.float64]

ROUGH_FOCAL = 1.0  # in widths of the picture: a camera nobody has calibrated sees about 53° across
LIKELY_FOCALS = (0.4, 5.0)
FEW = 5  # views from which the focal length is better than a guess

# a view is new when it differs from each that is there by one of these
NEW_PLACE = 0.12  # of the picture
NEW_SIZE = 1.2
NEW_TILT_RAD, NEW_ROLL_RAD = np.deg2rad(10.0), np.deg2rad(15.0)
SAME_PLACE = 0.01  # of the picture: corners that moved less show the same, whatever a pose says


@dataclass(frozen=True)
class BoardView:
    """How a board is seen.

    Attributes:
        ids: (N,) which corners are seen.
        corners: (N, 2) where they are, in widths and heights of the picture.
        size: its longer side, seen from the front, in shorter sides of the picture.
        normal: (3,) away from the eye, in the camera's frame.
        roll_rad: of its rows about the line of sight.
    """

    ids: NDArray[np.int64]
    corners: Array
    size: float
    normal: Array
    roll_rad: float

    @classmethod
    def of(cls, view: Detection, board: Board, camera: Intrinsics) -> BoardView:
        """Return how a camera sees a board."""
        camera = camera.at_size(view.size_px)
        T_cam_board = camera.locate(view)
        x, _, z = T_cam_board.rotation.as_matrix().T
        distance_m = T_cam_board.apply([*(np.array(board.size_m) / 2), 0.0])[2]
        size = camera.K[0, 0] * max(board.size_m) / distance_m / min(view.size_px)
        roll_rad = float(np.arctan2(x[1], x[0]))
        return cls(view.ids, view.image_px / view.size_px, float(size), z, roll_rad)

    def differs(self, other: BoardView) -> bool:
        """Return whether two looks are worth a picture each."""
        _, here, there = np.intersect1d(self.ids, other.ids, return_indices=True)
        away = np.abs(self.corners[here] - other.corners[there])
        if len(here) and away.max() < SAME_PLACE:
            return False
        moved = np.abs(self.corners.mean(axis=0) - other.corners.mean(axis=0)).max()
        ratio = max(self.size / other.size, other.size / self.size)
        tilted_rad = np.arccos(np.clip(self.normal @ other.normal, -1, 1))
        rolled_rad = abs(turned_rad(self.roll_rad - other.roll_rad))
        return bool(
            moved > NEW_PLACE
            or ratio > NEW_SIZE
            or tilted_rad > NEW_TILT_RAD
            or rolled_rad > NEW_ROLL_RAD
        )


def rough_intrinsics(view: Detection) -> Intrinsics:
    """Return what a camera that nobody has calibrated may be."""
    width, height = view.size_px
    f = ROUGH_FOCAL * width
    K = np.array([[f, 0, width / 2], [0, f, height / 2], [0, 0, 1]])
    return Intrinsics(K, np.zeros(5), "plumb_bob", view.size_px)


def guess_camera(views: list[Detection]) -> Intrinsics:
    """Return about what a camera is, quickly: its focal length from the views, where they tell."""
    rough = rough_intrinsics(views[0])
    if len(views) < FEW:
        return rough
    objects = [view.object_m.astype(np.float32) for view in views]
    images = [view.image_px.astype(np.float32) for view in views]
    flags = (
        cv2.CALIB_USE_INTRINSIC_GUESS
        | cv2.CALIB_FIX_ASPECT_RATIO
        | cv2.CALIB_FIX_PRINCIPAL_POINT
        | cv2.CALIB_ZERO_TANGENT_DIST
        | cv2.CALIB_FIX_K2
        | cv2.CALIB_FIX_K3
    )
    size_px = rough.size_px
    try:
        _, K, distortion, *_ = cv2.calibrateCamera(
            objects, images, size_px, rough.K.copy(), np.zeros(5), flags=flags
        )
    except cv2.error:
        return rough
    low, high = np.multiply(LIKELY_FOCALS, size_px[0])
    if not low < K[0, 0] < high:
        return rough
    flat = np.asarray(distortion, float).reshape(-1)[:5]
    return Intrinsics(np.asarray(K, float), flat, "plumb_bob", size_px)


def turned_rad(angle: Array | float) -> Array:
    """Return angles between −π and π."""
    return np.asarray((np.asarray(angle) + np.pi) % (2 * np.pi) - np.pi)
