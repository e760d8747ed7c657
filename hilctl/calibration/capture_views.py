"""Which views of a board the intrinsics still want, by the measures they are judged by."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hilctl.calibration.boards.base import Board, Detection
from hilctl.calibration.capture import BoardObservation
from hilctl.calibration.fit_intrinsics import MIN_VIEWS, fit_intrinsics
from hilctl.calibration.intrinsics import Intrinsics
from hilctl.calibration.judge_intrinsics import (
    CELLS,
    MAX_FOCAL,
    MIN_COVERAGE,
    MIN_VARIETY_RAD,
    corners_in_cells,
    coverage,
    judge,
    variety_rad,
)
from hilctl.calibration.look import BoardView, guess_camera, rough_intrinsics, turned_rad
from hilctl.errors import DataError

Array = NDArray[np.float64]

COVERAGE = 1.5 * MIN_COVERAGE
TILT_RAD = 0.75 * MIN_VARIETY_RAD  # to each side: then opposite ones differ by more than enough
ROLL_RAD = np.deg2rad(30.0)  # between two views; tells the centre from a lens that is askew
NEAR, FAR = 0.5, 0.75  # the board's longer side in shorter sides of the picture; in nearest ones

SIDES = {"left": (-1, 0), "right": (1, 0), "upper": (0, -1), "lower": (0, 1)}
ZONES = {  # row and column of nine; those that matter most first
    "middle": (1, 1),
    "upper left": (0, 0),
    "lower right": (2, 2),
    "upper right": (0, 2),
    "lower left": (2, 0),
    "top": (0, 1),
    "bottom": (2, 1),
    "left": (1, 0),
    "right": (1, 2),
}


class ViewsWanted:
    """Views from which intrinsics can be found.

    Args:
        board: what is shown.
        seed: as `find_intrinsics` gets it, so that it comes to the same judgement.
    """

    def __init__(self, board: Board, seed: int) -> None:
        self._board, self._seed = board, seed
        self._views: list[Detection] = []
        self._looks: list[BoardView] = []
        self._camera: Intrinsics | None = None

    def is_new(self, shot: BoardObservation) -> bool:
        """Return whether a view differs from all that are there."""
        camera = self._camera or rough_intrinsics(shot.view)
        look = BoardView.of(shot.view, self._board, camera)
        return all(look.differs(other) for other in self._looks)

    def add(self, shot: BoardObservation) -> None:
        """Take a view into the set."""
        self._views.append(shot.view)
        self._camera = guess_camera(self._views)
        self._looks = [BoardView.of(view, self._board, self._camera) for view in self._views]

    def wish(self) -> str:
        """Return in words what would do the set good, one thing after the other."""
        wishes = list(self._wishes())
        # the next one with every picture: what cannot be done must not stand in the way
        return wishes[len(self._views) % len(wishes)] if wishes else "show it from yet another side"

    def lack(self) -> str | None:
        """Return in words why intrinsics from these views would be refused, or None."""
        if len(self._views) < MIN_VIEWS:
            return self.wish()
        try:
            fitted = fit_intrinsics(self._views, np.random.default_rng(self._seed))
        except DataError:
            return f"{self._least_tilted()}, more than before"
        judged = judge(fitted, self._views)
        if judged.coverage < MIN_COVERAGE:
            return self._emptiest()
        if judged.variety_rad < MIN_VARIETY_RAD or judged.focal > MAX_FOCAL:
            return f"{self._least_tilted()}, more than before"
        return None  # corners that are off are no matter of more pictures

    def _wishes(self) -> Iterator[str]:
        if self._zones().min() == 0 or coverage(self._views) < COVERAGE:
            yield self._emptiest()
        if not self._views:
            return
        largest = max(look.size for look in self._looks)
        if largest < NEAR:
            yield "bring it closer, until it fills half of the picture"
        elif min(look.size for look in self._looks) > FAR * largest:
            yield "take it further away"
        tilts_rad = self._tilts_rad()
        wide = variety_rad(self._known_camera(), self._views) >= MIN_VARIETY_RAD
        if not wide or min(tilts_rad.values()) < TILT_RAD:
            yield self._least_tilted()
        rolls = np.array([look.roll_rad for look in self._looks])
        if np.abs(turned_rad(rolls - rolls[0])).max() < ROLL_RAD:
            yield "turn it like a steering wheel"

    def _known_camera(self) -> Intrinsics:
        return self._camera or rough_intrinsics(self._views[0])

    def _zones(self) -> Array:
        """Return (3, 3) the share of each ninth's cells in which a corner was seen."""
        third = CELLS // 3
        seen = corners_in_cells(self._views).reshape(3, third, 3, third) > 0
        return np.asarray(seen.mean(axis=(1, 3)))

    def _emptiest(self) -> str:
        seen = self._zones()
        name = min(ZONES, key=lambda name: seen[ZONES[name]])
        it = "it" if self._views else "the board"
        return f"show {it} in the {name} of the picture"

    def _tilts_rad(self) -> dict[str, float]:
        """Return how far each side was tilted towards the camera at most."""
        normals = np.array([look.normal[:2] for look in self._looks])
        return {
            side: float(np.arcsin(np.clip((normals @ towards).max(), -1, 1)))
            for side, towards in SIDES.items()
        }

    def _least_tilted(self) -> str:
        tilts_rad = self._tilts_rad()
        return f"tilt its {min(SIDES, key=lambda side: tilts_rad[side])} side towards the camera"
