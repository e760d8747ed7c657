"""What is calibrated, drawn into a picture: a person sees at once whether it is right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from hilctl.calibration.boards.base import Image
from hilctl.calibration.intrinsics import Intrinsics

Array = NDArray[np.float64]
Colour = tuple[int, int, int]

RED, GREEN, BLUE = (230, 60, 50), (60, 190, 70), (60, 110, 240)
YELLOW, WHITE = (240, 200, 40), (255, 255, 255)
NEAR_M = 0.01
PIECES = 24  # of a line: a lens bends it
MAX_ANGLE = 1.2  # x/z and y/z beyond which a distortion model says nothing

# a box's corners are numbered in binary; its edges join those that differ in one bit
_EDGES = [(a, b) for a in range(8) for b in range(a + 1, 8) if (a ^ b).bit_count() == 1]


@dataclass(frozen=True)
class OverlayLine:
    """A straight line: (3,) m from `start` to `end`."""

    start: Array
    end: Array
    colour: Colour
    thick: int = 1


def axes(T_base_thing: RigidTransform, length_m: float) -> list[OverlayLine]:
    """Return the axes of a frame: x red, y green, z blue."""
    origin = T_base_thing.translation
    ends = T_base_thing.apply(length_m * np.eye(3))
    return [
        OverlayLine(origin, end, colour, 2)
        for end, colour in zip(ends, (RED, GREEN, BLUE), strict=True)
    ]


def box(low_m: Array, high_m: Array, colour: Colour) -> list[OverlayLine]:
    """Return the edges of a box that is aligned with the base."""
    corners = np.array([[(low_m, high_m)[(i >> k) & 1][k] for k in range(3)] for i in range(8)])
    return [OverlayLine(corners[a], corners[b], colour) for a, b in _EDGES]


def outline(
    T_base_thing: RigidTransform, size_m: tuple[float, float], colour: Colour
) -> list[OverlayLine]:
    """Return the edges of a rectangle from its first corner along x and y."""
    width, height = size_m
    flat = np.array([[0, 0, 0], [width, 0, 0], [width, height, 0], [0, height, 0]], float)
    corners = T_base_thing.apply(flat)
    return [OverlayLine(corners[i], corners[(i + 1) % 4], colour, 2) for i in range(4)]


def draw(
    image: Image, camera: Intrinsics, T_base_cam: RigidTransform, lines: Iterable[OverlayLine]
) -> Image:
    """Return an (H, W, 3) RGB picture with lines of the base frame drawn into it.

    Args:
        image: of the camera.
        camera: for pictures of this size.
        T_base_cam: where the camera is.
        lines: in the base frame; what is behind the camera or far aside is left out.
    """
    drawn = np.ascontiguousarray(image).copy()
    T_cam_base = T_base_cam.inv()
    for line in lines:
        share = np.linspace(0, 1, PIECES + 1)[:, None]
        points = T_cam_base.apply((1 - share) * line.start + share * line.end)
        ahead = points[:, 2] > NEAR_M
        depth = np.where(ahead, points[:, 2], 1.0)[:, None]
        seen = ahead & (np.abs(points[:, :2] / depth) < MAX_ANGLE).all(axis=1)
        if not seen.any():
            continue
        px = np.zeros((len(points), 2))
        px[seen] = camera.project(points[seen])
        for i in np.flatnonzero(seen[:-1] & seen[1:]):
            start, end = (tuple(int(v) for v in np.rint(px[j])) for j in (i, i + 1))
            cv2.line(drawn, start, end, line.colour, line.thick, cv2.LINE_AA)
    return np.asarray(drawn, np.uint8)
