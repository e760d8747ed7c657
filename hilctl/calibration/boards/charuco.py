"""A chessboard with markers in its white squares: may be seen in part."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hilctl.calibration.boards.base import MIN_CORNERS, Board, Detection, Image, refined, to_grey

DICTIONARIES = ("4x4_50", "4x4_100", "5x5_50", "5x5_100", "6x6_50", "6x6_250", "7x7_50")
DEFAULT_DICTIONARY = "5x5_100"
SURE_MARKERS = 4  # of one dictionary in one picture are no accident


class Charuco(Board):
    """A chessboard with markers in its white squares.

    Args:
        columns, rows: squares.
        square_m, marker_m: sides.
        dictionary: of the markers, one of `DICTIONARIES`.
    """

    kind = "ChArUco board"

    def __init__(
        self, columns: int, rows: int, square_m: float, marker_m: float, dictionary: str
    ) -> None:
        super().__init__(columns, rows, square_m)
        self.marker_m, self.dictionary = marker_m, dictionary
        self._markers = _dictionary(dictionary)
        self._board = self._make()
        self._detectors = [cv2.aruco.CharucoDetector(self._board)]
        if rows % 2 == 0:  # older OpenCV printed boards of even rows the other way round
            old = self._make()
            old.setLegacyPattern(True)
            self._detectors.append(cv2.aruco.CharucoDetector(old))

    @property
    def squares(self) -> tuple[int, int]:
        """Squares along a row and down a column."""
        return self.columns, self.rows

    def with_square(self, square_m: float) -> Charuco:
        """Return this board as it was printed: larger or smaller than it was meant to be."""
        marker_m = self.marker_m * square_m / self.square_m
        return Charuco(self.columns, self.rows, square_m, marker_m, self.dictionary)

    def picture(self, square_px: int) -> Image:
        """Return the (height, width) grey pattern, without a margin."""
        size = (self.columns * square_px, self.rows * square_px)
        return np.asarray(self._board.generateImage(size, marginSize=0, borderBits=1), np.uint8)

    def detect(self, image: Image) -> Detection | None:
        """Return the corners found in an (H, W, 3) RGB picture, or None when they are too few."""
        grey = to_grey(image)
        for detector in self._detectors:
            corners, found, _, _ = detector.detectBoard(grey)
            if found is None or len(found) < MIN_CORNERS:
                continue
            ids = np.asarray(found, np.int64).reshape(-1)
            if self._fill_a_plane(ids):
                image_px = refined(grey, np.asarray(corners, float).reshape(-1, 2))
                size_px = (image.shape[1], image.shape[0])
                return Detection(ids, self.corner_places_m()[ids], image_px, size_px)
        return None

    def explain_absence(self, image: Image) -> str | None:
        """Return what is in a picture instead of this board, or None when nothing is known."""
        if self.detect(np.ascontiguousarray(image[:, ::-1])) is not None:
            return "the picture is mirrored: switch off the camera's mirror or selfie mode"
        grey = to_grey(image)
        seen = {name: _marker_ids(grey, _dictionary(name)) for name in DICTIONARIES}
        own = seen[self.dictionary]
        name = max(seen, key=lambda name: len(seen[name]))
        if len(seen[name]) >= SURE_MARKERS and len(seen[name]) > len(own):
            return f"its markers are of the dictionary {name}, not {self.dictionary}"
        if len(own) < SURE_MARKERS:
            return None
        size = f"{self.columns}x{self.rows}"
        if own.max() >= len(self._board.getIds()):
            return f"it has a marker {own.max()}, which a board of {size} squares does not have"
        return f"its markers do not lie as on a board of {size} squares: count them again"

    def __str__(self) -> str:
        """Return the board as it is written on the command line."""
        sides = f"{self.square_m * 1e3:g}mm:{self.marker_m * 1e3:g}mm"
        return f"charuco:{self.columns}x{self.rows}:{sides}:{self.dictionary}"

    def _fill_a_plane(self, ids: NDArray[np.int64]) -> bool:
        """Return whether corners do not all lie on one line, which has no pose."""
        row, column = np.divmod(ids, self.corners[0])
        return len(np.unique(row)) > 1 and len(np.unique(column)) > 1

    def _make(self) -> Any:
        size = (self.columns, self.rows)
        return cv2.aruco.CharucoBoard(size, self.square_m, self.marker_m, self._markers)


def _dictionary(name: str) -> Any:
    return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, f"DICT_{name.upper()}"))


def _marker_ids(grey: Image, dictionary: Any) -> NDArray[np.int64]:
    _, ids, _ = cv2.aruco.ArucoDetector(dictionary).detectMarkers(grey)
    return np.zeros(0, np.int64) if ids is None else np.asarray(ids, np.int64).reshape(-1)
