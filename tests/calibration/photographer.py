"""Photographs of boards by a camera that is known exactly, distortion included.

Every pixel is the mean of what its rays hit, so that edges fall where the geometry puts them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from hilctl.calibration.boards import Board, Detection

Array = NDArray[np.float64]
Image = NDArray[np.uint8]

RAYS = 3  # a pixel, each way
SQUARE_PX = 60  # of the board's own picture
WHITE, BLACK, WALL = 205.0, 25.0, 120.0


@dataclass
class Photographer:
    """A camera whose truth is known."""

    size_px: tuple[int, int] = (640, 480)
    focal_px: float = 600.0
    centre_px: tuple[float, float] = (327.0, 236.0)
    distortion: Array = field(default_factory=lambda: np.zeros(5))
    fisheye: bool = False

    @property
    def K(self) -> Array:
        """The (3, 3) camera matrix."""
        (cx, cy), f = self.centre_px, self.focal_px
        return np.array([[f, 0, cx], [0, f, cy], [0, 0, 1.0]])

    @cached_property
    def rays(self) -> NDArray[np.float32]:
        """(H * RAYS, W * RAYS, 2) directions x/z, y/z of the rays."""
        width, height = self.size_px
        x = (np.arange(width * RAYS) + 0.5) / RAYS - 0.5
        y = (np.arange(height * RAYS) + 0.5) / RAYS - 0.5
        pixels = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 1, 2)
        undistort = cv2.fisheye.undistortPoints if self.fisheye else cv2.undistortPoints
        rays = undistort(pixels, self.K, self.distortion).reshape(len(y), len(x), 2)
        return rays.astype(np.float32)

    def project(self, T_cam_board: RigidTransform, object_m: Array) -> Array:
        """Return (N, 2) px of (N, 3) m on the board."""
        turn, place = T_cam_board.rotation.as_rotvec(), T_cam_board.translation
        if self.fisheye:
            points, _ = cv2.fisheye.projectPoints(
                object_m[:, None], turn, place, self.K, self.distortion
            )
        else:
            points, _ = cv2.projectPoints(object_m, turn, place, self.K, self.distortion)
        return np.asarray(points, float).reshape(-1, 2)

    def corners(
        self, board: Board, T_cam_board: RigidTransform, noise_px: float, rng: np.random.Generator
    ) -> Detection:
        """Return a board's corners as they would be found, without taking a picture."""
        places = board.corner_places_m()
        px = self.project(T_cam_board, places)
        px += rng.normal(0, noise_px, px.shape)
        return Detection(np.arange(len(px)), places, px, self.size_px)

    def sees(self, board: Board, T_cam_board: RigidTransform) -> bool:
        """Return whether all of a board is in the picture."""
        width, height = board.size_m
        rim = np.array([[0, 0, 0], [width, 0, 0], [0, height, 0], [width, height, 0]], float)
        px = self.project(T_cam_board, rim)
        return bool((px > 4).all() and (px < np.array(self.size_px) - 5).all())

    def take(self, board: Board, T_cam_board: RigidTransform, light: float = 1.0) -> Image:
        """Return the (H, W, 3) picture of a board before a grey wall."""
        # paper around the pattern: the corners of a chessboard need it
        pattern = np.pad(board.picture(SQUARE_PX), SQUARE_PX // 2, constant_values=255)
        paper = BLACK + (WHITE - BLACK) / 255.0 * pattern
        px_per_m, first_px = SQUARE_PX / board.square_m, SQUARE_PX // 2 - 0.5
        T_paper_board = np.array([[px_per_m, 0, first_px], [0, px_per_m, first_px], [0, 0, 1.0]])
        fine = cv2.remap(
            paper.astype(np.float32),
            cv2.perspectiveTransform(self.rays, T_paper_board @ _board_from_rays(T_cam_board)),
            None,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=WALL,
        )
        grey = cv2.resize(fine, self.size_px, interpolation=cv2.INTER_AREA) * light
        return np.repeat(grey.clip(0, 255).round().astype(np.uint8)[..., None], 3, axis=2)


def _board_from_rays(T_cam_board: RigidTransform) -> Array:
    """Return the (3, 3) homography from rays x/z, y/z to where in m they meet the board's plane."""
    turn, origin = T_cam_board.rotation.as_matrix(), T_cam_board.translation
    start = -origin @ turn
    # a ray goes start + s * (x, y, 1) @ turn, and its third number is 0 on the board
    ahead = turn[:, 2]
    return np.stack([start[i] * ahead - start[2] * turn[:, i] for i in (0, 1)] + [ahead])


def looking_at(
    board: Board,
    distance_m: float,
    *,
    tilt_rad: tuple[float, float] = (0.0, 0.0),
    roll_rad: float = 0.0,
    aside: tuple[float, float] = (0.0, 0.0),
) -> RigidTransform:
    """Return `T_cam_board` with the board's middle `distance_m` ahead.

    Args:
        board: what is looked at.
        distance_m: from the eye to the board's middle.
        tilt_rad: about the picture's x and y.
        roll_rad: about the line of sight.
        aside: of the middle, as x/z and y/z.
    """
    turn = Rotation.from_rotvec([*tilt_rad, 0.0]) * Rotation.from_rotvec([0, 0, roll_rad])
    middle = np.array([*board.size_m, 0.0]) / 2
    place = distance_m * np.array([*aside, 1.0])
    return RigidTransform.from_components(place - turn.apply(middle), turn)


def varied_views(
    board: Board, camera: Photographer, count: int, rng: np.random.Generator
) -> list[RigidTransform]:
    """Return poses as a careful person would take them: all over the picture, near and tilted."""
    width, height = camera.size_px
    near_m = 1.3 * board.size_m[0] * camera.focal_px / width
    poses = []
    for i in range(count):
        # the golden angle spreads places and tilts without gaps
        towards = np.array([np.cos(2.4 * i), np.sin(2.4 * i)])
        tilt = np.deg2rad(35) * rng.uniform(0.5, 1) * towards[::-1]
        aside = 0.7 * np.sqrt((i + 0.5) / count) * towards * [width, height] / camera.focal_px
        distance_m, roll_rad = near_m * rng.uniform(1.0, 1.4), rng.uniform(-0.4, 0.4)
        while not camera.sees(board, T := _pose(board, distance_m, tilt, roll_rad, aside)):
            aside, distance_m = aside * 0.9, distance_m * 1.02
        poses.append(T)
    return poses


def _pose(
    board: Board, distance_m: float, tilt: Array, roll_rad: float, aside: Array
) -> RigidTransform:
    return looking_at(
        board,
        distance_m,
        tilt_rad=(tilt[0], tilt[1]),
        roll_rad=roll_rad,
        aside=(aside[0], aside[1]),
    )
