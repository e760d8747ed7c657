"""Whether a camera still looks where it did: how far its picture has moved since a reference.

Corners of the reference are followed into the new picture; the shift that most of them agree on is
the camera's. What moved by itself, as the arm does, disagrees and is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hilctl.calibration.boards.base import Image, to_grey

Array = NDArray[np.float64]

CORNERS = 400
QUALITY = 0.08  # of the best corner
APART_PX = 6
WINDOW_PX, LEVELS = 21, 4  # follow shifts of up to 100 px
BACK_PX = 0.3  # a corner that does not come back to where it was is lost
AGREE_PX = 1.0
LEAST_CORNERS = 12
LEAST_SHARE = 0.2  # of the corners of the reference
STILL_SHARE = 0.35  # so many of the most that agree on anything, and the camera has not moved
LOCAL_PX = 15.0  # brightness and contrast are compared with those this far around
NOISE = 20.0  # grey levels: with 4 the noise of plain areas became texture with corners of its own


@dataclass(frozen=True)
class Drift:
    """What has changed since the reference.

    Attributes:
        shift_px: (dx, dy) of what stands still; None when too little of the reference is there.
        agreeing: share of the reference's corners that moved by this shift.
        plain: the reference shows too little to tell whether the camera has moved.
        brightness: mean level over that of the reference.
        colour: largest change of a channel's share of the light.
    """

    shift_px: tuple[float, float] | None
    agreeing: float
    plain: bool
    brightness: float
    colour: float

    @property
    def distance_px(self) -> float | None:
        """How far the picture has moved."""
        return None if self.shift_px is None else float(np.hypot(*self.shift_px))


def measure_drift(reference: Image, picture: Image) -> Drift:
    """Compare two (H, W, 3) RGB pictures of one size, taken at the same pose of the robot."""
    levels = [image.reshape(-1, 3).mean(axis=0) + 1.0 for image in (reference, picture)]
    shares = [level / level.sum() for level in levels]
    before, after = (_evenly_lit(to_grey(image)) for image in (reference, picture))
    corners = cv2.goodFeaturesToTrack(before, CORNERS, QUALITY, APART_PX)
    plain = corners is None or len(corners) < LEAST_CORNERS
    shift_px, agreeing = (None, 0.0) if plain else _shift(before, after, np.asarray(corners))
    return Drift(
        shift_px,
        agreeing,
        plain,
        brightness=float(levels[1].mean() / levels[0].mean()),
        colour=float(np.abs(shares[1] - shares[0]).max()),
    )


def _shift(
    before: Image, after: Image, start: NDArray[np.float32]
) -> tuple[tuple[float, float] | None, float]:
    """Return the shift that most of (N, 1, 2) corners agree on, if any, and their share."""
    found, there = _followed(before, after, start)
    back, again = _followed(after, before, found)
    returned = np.linalg.norm((back - start).reshape(-1, 2), axis=1) < BACK_PX
    shifts = np.asarray(found - start, float).reshape(-1, 2)[returned & there & again]
    if len(shifts) == 0:
        return None, 0.0
    shift, votes = _agreed(shifts)
    share = votes / len(start)
    if votes < LEAST_CORNERS or share < LEAST_SHARE:
        return None, share
    return (float(shift[0]), float(shift[1])), share


def _followed(
    before: Image, after: Image, start: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return where (N, 1, 2) corners are in another picture, and (N,) whether they were found."""
    size = (WINDOW_PX, WINDOW_PX)
    nowhere = np.zeros_like(start)
    found, status, _ = cv2.calcOpticalFlowPyrLK(
        before, after, start, nowhere, winSize=size, maxLevel=LEVELS
    )
    return np.asarray(found, np.float32), np.asarray(status).reshape(-1) == 1


def _evenly_lit(grey: Image) -> Image:
    """Return a picture in which light and contrast are everywhere the same."""
    level = grey.astype(np.float32)
    mean = cv2.GaussianBlur(level, (0, 0), LOCAL_PX)
    deviation = np.sqrt(cv2.GaussianBlur((level - mean) ** 2, (0, 0), LOCAL_PX))
    even = 128 + 40 * (level - mean) / (deviation + NOISE)
    return np.asarray(even.clip(0, 255), np.uint8)


def _agreed(shifts: Array) -> tuple[Array, int]:
    """Return the shift that most of (N, 2) shifts agree on, and how many; none if it may be none.

    A thing that fills the picture may outvote what stands still behind it; a camera that has moved
    leaves nothing where it was.
    """
    apart = np.linalg.norm(shifts[:, None] - shifts[None], axis=-1)
    most = shifts[(apart < AGREE_PX).sum(axis=1).argmax()]
    moved, votes = _mode(shifts, most)
    still, still_votes = _mode(shifts, np.zeros(2))
    if still_votes >= STILL_SHARE * votes and np.linalg.norm(still) < AGREE_PX:
        return still, still_votes
    return moved, votes


def _mode(shifts: Array, start: Array) -> tuple[Array, int]:
    """Return the mean of the shifts around it that is nearest to `start`, and their number."""
    centre = start
    for _ in range(20):
        near = np.linalg.norm(shifts - centre, axis=1) < AGREE_PX
        if not near.any():
            return centre, 0
        centre = shifts[near].mean(axis=0)
    return centre, int(near.sum())
