"""How boards are written: `charuco:7x5:30mm:22mm`, `chessboard:9x6:25mm`.

The first has 7 by 5 squares of 30 mm with markers of 22 mm, the second 9 by 6 inner corners.
"""

from __future__ import annotations

import re

from hilctl.calibration.boards.base import Board
from hilctl.calibration.boards.charuco import Charuco
from hilctl.calibration.boards.chessboard import Chessboard
from hilctl.calibration.boards.markers import DEFAULT_DICTIONARY, SIZES, smallest_with
from hilctl.errors import UsageError

UNITS_M = {"mm": 1e-3, "cm": 1e-2, "m": 1.0, "in": 0.0254}
MIN_LENGTH_M, MAX_LENGTH_M = 1e-3, 1.0
MIN_COUNT, MAX_COUNT = 3, 40
HINT = "write it like charuco:7x5:30mm:22mm or chessboard:9x6:25mm"


def parse_board(text: str) -> Board:
    """Return the board that a person means.

    Raises:
        UsageError: it cannot be understood, or makes no sense.
    """
    kind, *parts = text.strip().lower().split(":")
    if kind == "chessboard" and len(parts) == 2:
        return Chessboard(*_counts(parts[0], text), parse_length_m(parts[1], text))
    if kind == "charuco" and len(parts) in (3, 4):
        return _charuco(parts, text)
    raise UsageError(f"'{text}' is no calibration board", hint=HINT)


def _charuco(parts: list[str], text: str) -> Charuco:
    columns, rows = _counts(parts[0], text)
    square_m, marker_m = parse_length_m(parts[1], text), parse_length_m(parts[2], text)
    dictionary = parts[3].removeprefix("dict_") if len(parts) == 4 else DEFAULT_DICTIONARY
    if dictionary not in SIZES:
        known = ", ".join(SIZES)
        raise UsageError(f"no markers are called '{dictionary}'", hint=f"there are: {known}")
    if not 0.3 * square_m < marker_m < square_m:
        raise UsageError(
            f"a marker of {marker_m * 1e3:g} mm does not fit a square of {square_m * 1e3:g} mm",
            hint="the first length is the square's, the second the marker's",
        )
    if (needed := columns * rows // 2) > SIZES[dictionary]:
        larger = smallest_with(dictionary, needed)
        raise UsageError(
            f"{columns}x{rows} squares need {needed} markers, "
            f"the dictionary {dictionary} has {SIZES[dictionary]}",
            hint=f"{larger} begins with the same markers: name that as the last part"
            if larger
            else "use fewer squares, or another dictionary as the last part",
        )
    return Charuco(columns, rows, square_m, marker_m, dictionary)


def _counts(part: str, text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,3})x(\d{1,3})", part)
    if not found or not all(MIN_COUNT <= int(n) <= MAX_COUNT for n in found.groups()):
        wanted = f"columns and rows, {MIN_COUNT} to {MAX_COUNT} each"
        raise UsageError(f"'{part}' in '{text}' should be {wanted}", hint=HINT)
    return int(found[1]), int(found[2])


def parse_length_m(part: str, text: str = "the answer") -> float:
    """Return a length that a person wrote with its unit.

    Args:
        part: like "30mm".
        text: what it is a part of, for the error.

    Raises:
        UsageError: it is none, or not the size of a square.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(mm|cm|m|in)", part)
    if not found or not MIN_LENGTH_M <= float(found[1]) * UNITS_M[found[2]] <= MAX_LENGTH_M:
        wanted = "a length with its unit (mm, cm, m, in), 1 mm to 1 m"
        raise UsageError(f"'{part}' in '{text}' should be {wanted}", hint=HINT)
    return float(found[1]) * UNITS_M[found[2]]
