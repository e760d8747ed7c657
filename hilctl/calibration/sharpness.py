"""Whether a picture is good enough to measure in: sharp, neither clipped nor black."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilctl.calibration.boards.base import Board, Detection, Image, to_grey

Array = NDArray[np.float64]

MAX_EDGE = 5 / 640  # width of an edge in widths of the picture: 5 px at 640
CLIPPED = 250
MAX_CLIPPED = 0.5  # share of the white beside the edges
MIN_CONTRAST = 30.0
REACH = 0.35  # how far to both sides of an edge to look, in squares
STEPS = 29  # odd: the middle one is the edge


@dataclass(frozen=True)
class Exposure:
    """How a board was photographed.

    Attributes:
        edge_px: width of the edges between black and white: 1 is perfect, 2.5 σ of a blur.
        dark, bright: levels of black and white squares, 0 to 255.
        clipped: share of the white that is at its upper end.
    """

    edge_px: float
    dark: float
    bright: float
    clipped: float


def exposure_of(image: Image, board: Board, view: Detection) -> Exposure | None:
    """Measure sharpness and levels along the edges of a board's squares.

    Returns:
        None when no two corners beside each other were seen.
    """
    profiles = _edge_profiles(to_grey(image), board, view)
    if profiles is None:
        return None
    samples, step_px = profiles
    dark, bright = np.quantile(samples, [0.1, 0.9])
    half = samples.shape[1] // 2
    near = slice(half - STEPS // 6, half + STEPS // 6 + 1)
    slopes = np.abs(np.diff(samples[:, near], axis=1)).max(axis=1) / step_px
    slope = float(np.median(slopes))
    white = samples[samples > (dark + bright) / 2]
    clipped = float(np.mean(white >= CLIPPED)) if len(white) else 1.0
    return Exposure((bright - dark) / max(slope, 1e-6), float(dark), float(bright), clipped)


def objection(found: Exposure, width_px: int) -> str | None:
    """Return in words why a picture of a board should not be used, or None."""
    if found.clipped > MAX_CLIPPED:
        return "over-exposed: the white squares are clipped; shorten the exposure"
    if found.bright - found.dark < MIN_CONTRAST:
        return f"too little contrast: black is {found.dark:.0f}, white {found.bright:.0f} of 255"
    if found.edge_px > MAX_EDGE * width_px:
        return f"blurred: edges are {found.edge_px:.0f} px wide; hold still, and check the focus"
    return None


def explain_picture(image: Image) -> str | None:
    """Return what makes any picture useless, board or not, or None."""
    grey = to_grey(image).astype(float)
    low, middle, high = np.quantile(grey, [0.01, 0.5, 0.99])
    if middle >= CLIPPED:
        return "over-exposed: most of it is white; shorten the exposure"
    if high < MIN_CONTRAST:
        return "black: is there light, and the lens cap off?"
    steepest = np.quantile(np.abs(np.diff(grey, axis=1)), 0.999)
    if (high - low) / max(steepest, 1e-6) > 2 * MAX_EDGE * image.shape[1]:
        return "blurred; hold still, and check the focus"
    return None


def _edge_profiles(grey: Image, board: Board, view: Detection) -> tuple[Array, Array] | None:
    """Return (N, STEPS) grey levels across N edges, and (N,) px between the samples."""
    across = board.corners[0]
    place = {int(i): p for i, p in zip(view.ids, view.image_px, strict=True)}
    starts, ends = [], []
    for i, p in place.items():
        if (i + 1) % across and i + 1 in place:
            starts.append(p)
            ends.append(place[i + 1])
        if i + across in place:
            starts.append(p)
            ends.append(place[i + across])
    if not starts:
        return None
    from scipy.ndimage import map_coordinates  # 0.3 s that every other command would wait for

    start, end = np.array(starts), np.array(ends)
    along = end - start
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1)  # as long as the square's side
    offsets = np.linspace(-REACH, REACH, STEPS)
    points = (start + end)[:, None] / 2 + offsets[:, None] * normal[:, None]
    samples = map_coordinates(
        grey.astype(float), [points[..., 1], points[..., 0]], order=1, mode="nearest"
    )
    return samples, np.linalg.norm(normal, axis=1) * (offsets[1] - offsets[0])
