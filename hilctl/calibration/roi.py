"""What the policy sees of a camera: a crop of its raw frame."""

from __future__ import annotations

import re
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from hilctl.calibration.boards.base import Image, to_grey
from hilctl.errors import UsageError
from hilctl.networks.letterbox import filled_share
from hilctl.task.sections import Box

LEAST_PX = 16
MOVED = 12.0  # grey levels: more than noise and compression
CUTS_MUCH = 0.05  # of what moves
FILLS = 0.95  # of the size that the policy sees; more than that is rounding
RARELY = 0.02  # a pixel that changes in fewer of the frames does not count
HOT, RIM, DIM = (255, 40, 0), (255, 230, 0), 0.5


def parse_box(text: str, size_px: tuple[int, int]) -> Box:
    """Return the crop that a person means by `x,y,width,height`.

    Args:
        text: four whole numbers in px on the raw frame; or "full" for all of it.
        size_px: width and height of the raw frame.

    Raises:
        UsageError: it cannot be understood, or lies outside of the frame.
    """
    if text.strip() == "full":
        return (0, 0, *size_px)
    found = re.fullmatch(r"\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*", text)
    if not found:
        raise UsageError(
            f"'{text}' is no crop", hint="write it like 100,40,300,300 (x,y,w,h in px), or full"
        )
    x, y, width, height = (int(number) for number in found.groups())
    if min(width, height) < LEAST_PX:
        raise UsageError(f"a crop of {width}×{height} px is too small", hint=f"≥ {LEAST_PX} px")
    if x + width > size_px[0] or y + height > size_px[1]:
        frame = f"{size_px[0]}×{size_px[1]}"
        raise UsageError(f"the crop {text} does not lie within the frame of {frame} px")
    return x, y, width, height


def motion_map(episodes: Iterable[Iterable[Image]]) -> NDArray[np.float64] | None:
    """Return (H, W) in how many of the frames each pixel differs from the one before, 0 to 1.

    Args:
        episodes: of (H, W, 3) RGB frames, one after the other.

    Returns:
        None when there is no frame with one before it.
    """
    changed: NDArray[np.float64] | None = None
    count = 0
    for frames in episodes:
        before: NDArray[np.float32] | None = None
        for frame in frames:
            now = cv2.GaussianBlur(to_grey(frame).astype(np.float32), (0, 0), 1.0)
            if before is not None:
                moved = np.abs(now - before) > MOVED
                changed = moved.astype(float) if changed is None else changed + moved
                count += 1
            before = np.asarray(now, np.float32)
    return None if changed is None else changed / count


def cut_motion(motion: NDArray[np.float64], box: Box) -> float:
    """Return the share of what moves that lies outside of a crop, 0 to 1."""
    moving = np.where(motion >= RARELY, motion, 0.0)
    whole = float(moving.sum())
    if whole == 0:
        return 0.0
    x, y, width, height = box
    return 1.0 - float(moving[y : y + height, x : x + width].sum()) / whole


def objections(box: Box, size: tuple[int, int], motion: NDArray[np.float64] | None) -> list[str]:
    """Return in words what speaks against a crop.

    Args:
        box: the crop.
        size: width and height in px of what the policy sees.
        motion: (H, W) as `motion_map` returns it; None = unknown.
    """
    found = []
    if motion is not None and (cut := cut_motion(motion, box)) > CUTS_MUCH:
        found.append(f"it {cuts(cut)}")
    if (filled := filled_share(box[2:], size)) < FILLS:
        into = f"{size[0]}×{size[1]}"
        found.append(f"{box[2]}×{box[3]} px fill {filled:.0%} of {into}: the rest stays black")
    return found


def cuts(share: float) -> str:
    """Return in words that a crop cuts a share of what moves."""
    return f"cuts {share:.0%} of what moves in the demonstrations"


def drawn(image: Image, box: Box, motion: NDArray[np.float64] | None = None) -> Image:
    """Return an (H, W, 3) picture with a crop drawn in: dimmer outside, redder where things move.

    Args:
        image: the raw frame.
        box: the crop.
        motion: (H, W) as `motion_map` returns it.
    """
    shown = image.astype(np.float32)
    if motion is not None and motion.max() > 0:
        heat = np.where(motion >= RARELY, motion / motion.max(), 0.0)[..., None]
        shown += 0.6 * np.sqrt(heat) * (np.array(HOT, np.float32) - shown)
    x, y, width, height = box
    bright = np.zeros(image.shape[:2], bool)
    bright[y : y + height, x : x + width] = True
    shown[~bright] *= DIM
    rim = bright.copy()
    rim[y + 1 : y + height - 1, x + 1 : x + width - 1] = False
    shown[rim] = RIM
    return np.asarray(shown.clip(0, 255), np.uint8)
