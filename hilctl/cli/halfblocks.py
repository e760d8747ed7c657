"""Pictures as terminal text: two pixels a cell, above and below the middle of a half block."""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby

import cv2
import numpy as np
from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.console import Console
from rich.segment import Segment
from rich.style import Style

from hilctl.calibration.boards.base import Image

HALF = "▀"
SHADES = " .:-=+*#%@"  # from black to white
GREY = (0.299, 0.587, 0.114)


def fitted(image_px: tuple[int, int], columns: int, rows: int) -> tuple[int, int]:
    """Return the width and height in px of a picture drawn as large as it can be, in full cells.

    Args:
        image_px: its width and height.
        columns: of the terminal that it may take.
        rows: of the terminal that it may take.
    """
    scale = min(columns / image_px[0], 2 * rows / image_px[1])
    return max(1, round(scale * image_px[0])), 2 * max(1, round(scale * image_px[1] / 2))


def half_blocks(console: Console, image: Image) -> list[list[Segment]]:
    """Return the lines of a picture, pixel by pixel: as many columns as it is wide.

    The console has as few colours as the terminal when it prints them; one without any, or with
    NO_COLOR, gets shades of letters.

    Args:
        console: where it will be printed.
        image: (H, W, 3) RGB; half as many lines, the last one half black when H is odd.
    """
    if image.shape[0] % 2:
        image = np.concatenate([image, np.zeros_like(image[:1])])
    if console.no_color or console.color_system is None:
        return [[Segment(row)] for row in _shaded(image)]
    pairs = np.concatenate([image[::2], image[1::2]], axis=2)
    return [
        [
            Segment(HALF * len(list(same)), _style(console.color_system, *cell))
            for cell, same in groupby(row)
        ]
        for row in pairs.tolist()
    ]


def drawn(console: Console, image: Image, columns: int, rows: int) -> list[list[Segment]]:
    """Return the lines of a picture shrunk or enlarged to fit, its shape kept."""
    size = fitted((image.shape[1], image.shape[0]), columns, rows)
    shrunk = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return half_blocks(console, shrunk)


@lru_cache(maxsize=1 << 15)
def _style(colours: str, r: int, g: int, b: int, r2: int, g2: int, b2: int) -> Style:
    # a style remembers how it was first printed: one is good for one number of colours only
    below = Color.from_triplet(ColorTriplet(r2, g2, b2))
    return Style.from_color(Color.from_triplet(ColorTriplet(r, g, b)), below)


def _shaded(image: Image) -> list[str]:
    grey = (image[::2].astype(float) + image[1::2]) / 2 @ GREY
    shades = np.minimum(grey / 256 * len(SHADES), len(SHADES) - 1).astype(int)
    return ["".join(SHADES[shade] for shade in row) for row in shades.tolist()]
