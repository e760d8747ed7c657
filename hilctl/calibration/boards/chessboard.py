"""A plain chessboard: all of it must be in view."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilctl.calibration.boards.base import Board, Detection, Image, refined, to_grey

ROUGHLY = cv2.CALIB_CB_NORMALIZE_IMAGE
FLAGS = cv2.CALIB_CB_ACCURACY | ROUGHLY
BEYOND = (
    0.25  # squares from the pattern's rim: on paper that is half a square wider, or in a square
)
UNLIKE_WHITE = 0.25  # of the contrast


class Chessboard(Board):
    """A plain chessboard.

    Args:
        columns, rows: inner corners.
        square_m: side.
    """

    kind = "chessboard"

    @property
    def squares(self) -> tuple[int, int]:
        """Squares along a row and down a column."""
        return self.columns + 1, self.rows + 1

    def with_square(self, square_m: float) -> Chessboard:
        """Return this board as it was printed: larger or smaller than it was meant to be."""
        return Chessboard(self.columns, self.rows, square_m)

    def picture(self, square_px: int) -> Image:
        """Return the (height, width) grey pattern, without a margin; the first square is black."""
        across, down = self.squares
        white = np.add.outer(np.arange(down), np.arange(across)) % 2 == 1
        cells = np.where(white, 255, 0).astype(np.uint8)
        return np.kron(cells, np.ones((square_px, square_px), np.uint8))

    def detect(self, image: Image) -> Detection | None:
        """Return the corners in an (H, W, 3) RGB picture, or None when not all are there.

        A board with as many rows as columns, or with both even or both odd, looks the same from
        two or four sides; which of them was seen is then unknown.
        """
        grey = to_grey(image)
        size = (self.columns, self.rows)
        found, corners = cv2.findChessboardCornersSB(grey, size, flags=FLAGS)
        if not found:
            found, corners = cv2.findChessboardCornersSB(
                grey, size, flags=FLAGS | cv2.CALIB_CB_EXHAUSTIVE
            )
        if not found:
            return None
        image_px = np.asarray(corners, float).reshape(self.rows, self.columns, 2)
        if not _first_square_is_black(grey, image_px):
            image_px = image_px[::-1, ::-1]
        return Detection(
            np.arange(self.columns * self.rows),
            self.corner_places_m(),
            refined(grey, image_px.reshape(-1, 2)),
            (image.shape[1], image.shape[0]),
        )

    def explain_absence(self, image: Image) -> str | None:
        """Return what is in a picture instead of this board, or None when nothing is known."""
        grey, wanted = to_grey(image), f"{self.columns}x{self.rows}"
        in_part = False
        for size in self._other_sizes():
            found, corners = cv2.findChessboardCornersSB(grey, size, flags=ROUGHLY)
            if found and _ends(grey, np.asarray(corners, float).reshape(size[1], size[0], 2)):
                return f"it has {size[0]}x{size[1]} inner corners, not {wanted}"
            in_part = in_part or found
        if in_part:
            return (
                f"not all of its {wanted} inner corners are clear; "
                "show all of it, sharp and evenly lit, or count them again"
            )
        return None

    def __str__(self) -> str:
        """Return the board as it is written on the command line."""
        return f"chessboard:{self.columns}x{self.rows}:{self.square_m * 1e3:g}mm"

    def _other_sizes(self) -> list[tuple[int, int]]:
        """Return sizes near the wanted one, the likeliest mistakes first.

        Larger ones come first among equals: a part of a board is a smaller board.
        """
        columns, rows = self.columns, self.rows
        # squares counted instead of corners, and corners instead of squares
        mistaken = [(columns - 1, rows - 1), (columns + 1, rows + 1)]
        around = [(columns + c, rows + r) for c in range(2, -3, -1) for r in range(2, -3, -1)]
        sizes = [size for size in [*mistaken, *around] if min(size) >= 3]
        return [size for size in dict.fromkeys(sizes) if size != (columns, rows)]


def _first_square_is_black(grey: Image, grid_px: NDArray[np.float64]) -> bool:
    """Return whether the square between the first four of (rows, columns, 2) corners is black.

    The square before the first corner has the same colour, one step along the diagonal.
    """

    def brightness(i: int, j: int) -> float:
        x, y = grid_px[i : i + 2, j : j + 2].reshape(4, 2).mean(axis=0).round().astype(int)
        height, width = grey.shape
        return float(grey[min(max(y, 0), height - 1), min(max(x, 0), width - 1)])

    rows, columns = grid_px.shape[:2]
    same = [
        brightness(i, j) for i in range(rows - 1) for j in range(columns - 1) if not (i + j) % 2
    ]
    other = [brightness(i, j) for i in range(rows - 1) for j in range(columns - 1) if (i + j) % 2]
    return float(np.mean(same)) < float(np.mean(other))


def _ends(grey: Image, grid_px: NDArray[np.float64]) -> bool:
    """Return whether a board ends around (rows, columns, 2) inner corners and their squares.

    Not where there are more squares, the picture ends, or something else than white paper begins.
    """
    rows, columns = grid_px.shape[:2]
    corners = np.array([(x, y) for y in range(rows) for x in range(columns)], float)
    T_px_grid = np.asarray(cv2.findHomography(corners, grid_px.reshape(-1, 2))[0], np.float64)
    x, y = np.arange(columns + 1) - 0.5, np.arange(rows + 1) - 0.5
    inside = _levels(grey, T_px_grid, x, y)
    even = np.add.outer(np.arange(rows + 1), np.arange(columns + 1)) % 2 == 0
    one, other = inside[even].mean(), inside[~even].mean()
    white, unlike = max(one, other), UNLIKE_WHITE * abs(one - other)
    beyond = [
        _levels(grey, T_px_grid, x, [-1 - BEYOND]),
        _levels(grey, T_px_grid, x, [rows + BEYOND]),
        _levels(grey, T_px_grid, [-1 - BEYOND], y),
        _levels(grey, T_px_grid, [columns + BEYOND], y),
    ]
    return all(bool(np.all(np.abs(side - white) < unlike)) for side in beyond)


def _levels(
    grey: Image, T_px_grid: NDArray[np.float64], x: ArrayLike, y: ArrayLike
) -> NDArray[np.float64]:
    """Return (Y, X) grey levels at places counted in squares; NaN outside of the picture."""
    places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 1, 2)
    px = cv2.perspectiveTransform(places, T_px_grid).reshape(-1, 2).round()
    height, width = grey.shape
    there = np.all((px >= 0) & (px < [width, height]), axis=1)
    levels = np.full(len(px), np.nan)
    across, down = px[there].astype(int).T
    levels[there] = grey[down, across]
    return levels.reshape(np.size(y), np.size(x))
