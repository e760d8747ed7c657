"""A chessboard with markers in its white squares: may be seen in part."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hilctl.calibration.boards.base import MIN_CORNERS, Board, Detection, Image, refined, to_grey
from hilctl.calibration.boards.markers import (
    dictionary_of,
    families,
    find_markers,
    relatives,
    smallest_with,
)

SURE_MARKERS = 4  # of one dictionary in one picture are no accident
STRAYS = 2  # markers that a board does not have; one may be misread
OFF_MARKERS = 0.5  # a marker is where it should be up to half of its side: lenses bend
SHARE_IN_PLACE = 0.8  # of the markers, on a board as it was said to be; on others half or less


class Charuco(Board):
    """A chessboard with markers in its white squares.

    Args:
        columns, rows: squares.
        square_m, marker_m: sides.
        dictionary: of the markers, one of `markers.SIZES`.
    """

    kind = "ChArUco board"

    def __init__(
        self, columns: int, rows: int, square_m: float, marker_m: float, dictionary: str
    ) -> None:
        super().__init__(columns, rows, square_m)
        self.marker_m, self.dictionary = marker_m, dictionary
        self._markers = dictionary_of(dictionary)
        self._board = self._make()
        self._layouts = [self._board]
        if rows % 2 == 0:  # older OpenCV printed boards of even rows the other way round
            old = self._make()
            old.setLegacyPattern(True)
            self._layouts.append(old)
        self._detectors = [cv2.aruco.CharucoDetector(layout) for layout in self._layouts]

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
        own, corners_px = find_markers(grey, self.dictionary)
        there = self._other_dictionary(grey, len(own))
        if there is not None:
            return f"its markers are of the dictionary {there}, not {self.dictionary}"
        size, known = f"{self.columns}x{self.rows}", len(self._board.getIds())
        if np.sum(own >= known) >= STRAYS:
            return f"it has a marker {own.max()}, which a board of {size} squares does not have"
        on_board = own < known
        own, corners_px = own[on_board], corners_px[on_board]
        if any(_lie_as_on(layout, own, corners_px) for layout in self._layouts):
            return (
                f"too little of it is clear: {len(own)} of {known} markers; "
                "show all of it, sharp and evenly lit"
            )
        if len(own) < SURE_MARKERS:
            return None
        return f"its markers do not lie as on a board of {size} squares: count them again"

    def __str__(self) -> str:
        """Return the board as it is written on the command line."""
        sides = f"{self.square_m * 1e3:g}mm:{self.marker_m * 1e3:g}mm"
        return f"charuco:{self.columns}x{self.rows}:{sides}:{self.dictionary}"

    def _other_dictionary(self, grey: Image, own: int) -> str | None:
        """Return the dictionary that surely more than `own` markers of a picture are of, or None.

        The board's own family comes first. Where it is surely there no other is looked for: the
        largest take a quarter of a second.
        """
        for name in sorted(families(), key=lambda name: name not in relatives(self.dictionary)):
            ids = find_markers(grey, name)[0]
            if len(ids) >= max(SURE_MARKERS, own + 1):
                return smallest_with(name, int(ids.max()) + 1)
            if len(ids) >= SURE_MARKERS:
                return None
        return None

    def _fill_a_plane(self, ids: NDArray[np.int64]) -> bool:
        """Return whether corners do not all lie on one line, which has no pose."""
        row, column = np.divmod(ids, self.corners[0])
        return len(np.unique(row)) > 1 and len(np.unique(column)) > 1

    def _make(self) -> Any:
        size = (self.columns, self.rows)
        return cv2.aruco.CharucoBoard(size, self.square_m, self.marker_m, self._markers)


def _lie_as_on(layout: Any, ids: NDArray[np.int64], corners_px: NDArray[np.float64]) -> bool:
    """Return whether (N,) markers with (N, 4, 2) corners lie as on a flat board; N > 1."""
    if len(ids) < 2:
        return False
    places = np.array(layout.getObjPoints(), float)[ids, :, :2]
    side_px = np.median(np.linalg.norm(np.diff(corners_px, axis=1), axis=-1))
    _, in_place = cv2.findHomography(
        places.reshape(-1, 2), corners_px.reshape(-1, 2), cv2.RANSAC, OFF_MARKERS * side_px
    )
    return in_place is not None and float(np.mean(in_place)) >= SHARE_IN_PLACE
