"""Crops are moved, resized and shaped, and never leave the frame."""

from __future__ import annotations

from hilctl.calibration.roi import LEAST_PX
from hilctl.task.sections import Box

Size = tuple[int, int]


def clamped(box: Box, frame_px: Size) -> Box:
    """Return the crop of this size, or the next that can be, nearest to where it was asked for.

    Args:
        box: x, y, width and height in px.
        frame_px: width and height of the raw frame.
    """
    x, width = _clamped_side(box[0], box[2], frame_px[0])
    y, height = _clamped_side(box[1], box[3], frame_px[1])
    return x, y, width, height


def moved(box: Box, dx: int, dy: int, frame_px: Size) -> Box:
    """Return the crop moved by some px, as far as the frame goes."""
    x, y, width, height = box
    return clamped((x + dx, y + dy, width, height), frame_px)


def resized(box: Box, dw: int, dh: int, frame_px: Size) -> Box:
    """Return the crop wider and higher by some px, its upper left corner where it was if it can."""
    x, y, width, height = box
    room = (max(width, frame_px[0] - x), max(height, frame_px[1] - y))
    return clamped((x, y, min(width + dw, room[0]), min(height + dh, room[1])), frame_px)


def grown(box: Box, by: int, frame_px: Size) -> Box:
    """Return the crop with both sides longer by the same px around its centre, while both can."""
    x, y, width, height = box
    most = min(frame_px[0] - width, frame_px[1] - height)
    least = LEAST_PX - min(width, height)
    by = max(min(by, most), least)
    return clamped((x - by // 2, y - by // 2, width + by, height + by), frame_px)


def shaped(box: Box, size: Size, frame_px: Size) -> Box:
    """Return the smallest crop around this one that has the shape of a picture.

    Where the frame is too small for it, what fits; the centre stays where it can.

    Args:
        box: the crop.
        size: width and height of the picture.
        frame_px: width and height of the raw frame.
    """
    x, y, width, height = box
    scale = max(width / size[0], height / size[1])
    scale = min(scale, frame_px[0] / size[0], frame_px[1] / size[1])
    new = (round(scale * size[0]), round(scale * size[1]))
    return clamped((x + (width - new[0]) // 2, y + (height - new[1]) // 2, *new), frame_px)


def between(a: tuple[int, int], b: tuple[int, int], frame_px: Size) -> Box:
    """Return the crop whose opposite corners are two points, in px."""
    left, right = sorted((a[0], b[0]))
    top, bottom = sorted((a[1], b[1]))
    left, right = max(left, 0), min(right, frame_px[0])
    top, bottom = max(top, 0), min(bottom, frame_px[1])
    return clamped((left, top, right - left, bottom - top), frame_px)


def _clamped_side(start: int, length: int, whole: int) -> tuple[int, int]:
    length = min(max(length, LEAST_PX), whole)
    return min(max(start, 0), whole - length), length
