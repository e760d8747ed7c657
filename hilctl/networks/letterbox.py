"""Bring a picture to another size and keep its shapes: bars that it does not fill stay black."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Size = tuple[int, int]


def filled_box(picture_px: Size, size_px: Size) -> tuple[int, int, int, int]:
    """Return x, y, width and height in px of what a picture fills of another size.

    Args:
        picture_px: width and height of the picture.
        size_px: width and height of what it is put into; the rest is divided into two bars.
    """
    scale = min(size_px[0] / picture_px[0], size_px[1] / picture_px[1])
    width, height = (
        min(most, max(1, round(scale * side)))
        for side, most in zip(picture_px, size_px, strict=True)
    )
    return (size_px[0] - width) // 2, (size_px[1] - height) // 2, width, height


def filled_share(picture_px: Size, size_px: Size) -> float:
    """Return how much of a size a picture fills, 1 when it has the same aspect."""
    _, _, width, height = filled_box(picture_px, size_px)
    return width * height / (size_px[0] * size_px[1])


def letterboxed(image: Image, size_px: Size) -> Image:
    """Return an (H, W, 3) picture at another width and height, its shapes kept."""
    x, y, width, height = filled_box((image.shape[1], image.shape[0]), size_px)
    resized = at_size(image, (width, height))
    if (width, height) == size_px:
        return resized
    boxed = np.zeros((size_px[1], size_px[0], 3), np.uint8)
    boxed[y : y + height, x : x + width] = resized
    return boxed


def at_size(image: Image, size_px: Size) -> Image:
    """Return an (H, W, 3) picture stretched to another width and height."""
    if (image.shape[1], image.shape[0]) == size_px:
        return image
    shrinks = image.shape[1] > size_px[0] or image.shape[0] > size_px[1]
    # areas are for shrinking: an enlarged picture would show its pixels as blocks
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size_px, interpolation=how), dtype=np.uint8)
