"""Patterns of ink as rectangles."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def patches(ink: NDArray[np.bool_]) -> Iterator[tuple[Array, Array]]:
    """Yield low and high (x, y) corners of rectangles that cover (H, W) ink exactly once."""
    left = ink.copy()
    while left.any():
        y, x = np.unravel_index(left.argmax(), left.shape)
        row = np.asarray(left[y, x:])
        width = len(row) if row.all() else int(row.argmin())
        whole = np.asarray(left[y:, x : x + width].all(axis=1))
        height = len(whole) if whole.all() else int(whole.argmin())
        left[y : y + height, x : x + width] = False
        yield np.array([x, y], float), np.array([x + width, y + height], float)
