"""A plain chessboard: all of it must be in view."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hilctl.calibration.boards.base import Board, Detection, Image, refined, to_grey

FLAGS = cv2.CALIB_CB_ACCURACY | cv2.CALIB_CB_NORMALIZE_IMAGE


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
        grey = to_grey(image)
        for size in self._other_sizes():
            if cv2.findChessboardCornersSB(grey, size, flags=FLAGS)[0]:
                seen, wanted = f"{size[0]}x{size[1]}", f"{self.columns}x{self.rows}"
                return f"it has {seen} inner corners, not {wanted}"
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
