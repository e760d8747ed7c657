"""Whether intrinsics may be used: judged on pictures that they were not made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilctl.calibration.boards.base import Detection
from hilctl.calibration.fit_intrinsics import IntrinsicsFit
from hilctl.calibration.intrinsics import Intrinsics

Array = NDArray[np.float64]

MAX_RMS_PX = 0.5
MAX_FOCAL = 0.01  # 1.96 σ(f) / f
MIN_COVERAGE = 0.4  # of the picture's cells with a corner in them
CELLS = 6  # each way
MIN_VARIETY_RAD = np.deg2rad(20.0)  # between the two boards that are tilted most differently


@dataclass(frozen=True)
class IntrinsicsQuality:
    """How far intrinsics can be trusted.

    Attributes:
        rms_px: of corners in views the fit had not seen.
        focal: half width of the 95 % interval of the focal length, as a share of it.
        coverage: share of the picture's cells in which a corner was seen.
        variety_rad: angle between the two boards that are tilted most differently.
    """

    rms_px: float
    focal: float
    coverage: float
    variety_rad: float

    @property
    def objections(self) -> list[str]:
        """Why it should not be used and what to do, in words; empty when it may be."""
        reasons = []
        if self.variety_rad < MIN_VARIETY_RAD:
            reasons.append(
                f"the views are alike: tilts differ by {np.degrees(self.variety_rad):.0f}°, "
                f"{np.degrees(MIN_VARIETY_RAD):.0f}° are needed; "
                "tilt the board to the left, right, front and back"
            )
        if self.coverage < MIN_COVERAGE:
            reasons.append(
                f"corners cover {100 * self.coverage:.0f} % of the picture, "
                f"{100 * MIN_COVERAGE:.0f} % are needed; bring the board to its edges, and closer"
            )
        if self.rms_px > MAX_RMS_PX:
            reasons.append(
                f"corners of unseen pictures are {self.rms_px:.2f} px off, "
                f"{MAX_RMS_PX:g} are allowed; "
                "is the board flat, the focus fixed and the light good?"
            )
        if self.focal > MAX_FOCAL:
            reasons.append(
                f"the focal length is known to ± {100 * self.focal:.1f} % only, "
                f"{100 * MAX_FOCAL:.0f} % are allowed; tilt the board more, and take more pictures"
            )
        return reasons


def judge(fitted: IntrinsicsFit, views: Sequence[Detection]) -> IntrinsicsQuality:
    """Measure how far a fit can be trusted.

    Args:
        fitted: the fit.
        views: it was made from.
    """
    kept = [view for i, view in enumerate(views) if i not in fitted.dropped]
    intrinsics = fitted.intrinsics
    focal = 1.96 * fitted.sigma[:2] / intrinsics.parameters[:2]
    return IntrinsicsQuality(
        fitted.rms_px, float(focal.max()), coverage(kept), variety_rad(intrinsics, kept)
    )


def coverage(views: Sequence[Detection]) -> float:
    """Return the share of the picture's cells in which a corner was seen."""
    return float((corners_in_cells(views) > 0).mean())


def corners_in_cells(views: Sequence[Detection]) -> NDArray[np.int64]:
    """Return (CELLS, CELLS) how many corners were seen in each part of the picture."""
    seen = np.zeros((CELLS, CELLS), np.int64)
    for view in views:
        x, y = (view.image_px / view.size_px * CELLS).astype(int).clip(0, CELLS - 1).T
        np.add.at(seen, (y, x), 1)
    return seen


def variety_rad(intrinsics: Intrinsics, views: Sequence[Detection]) -> float:
    """Return the angle between the two boards that are tilted most differently."""
    normals = np.array([intrinsics.locate(v).rotation.apply([0.0, 0.0, 1.0]) for v in views])
    return float(np.arccos(np.clip(normals @ normals.T, -1, 1)).max())
