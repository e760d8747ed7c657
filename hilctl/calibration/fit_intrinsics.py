"""Intrinsics from pictures of a board, and how far they can be trusted.

Zhang's method (2000) as OpenCV has it. The distortion model is the simplest of those that predict
pictures about best that they have not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hilctl.calibration.boards.base import Detection
from hilctl.calibration.copies import Indices, count_distinct, groups_of_views, members
from hilctl.calibration.few_samples import widening
from hilctl.calibration.intrinsics import FISHEYE, Intrinsics
from hilctl.errors import DataError

Array = NDArray[np.float64]
Fit = Callable[[Sequence[Detection]], Intrinsics]

MIN_VIEWS = 10
FOLDS = 5  # a fifth is held out, each view once
NOTICEABLY = 0.99  # a richer model has to be that much better
STRANGE = 3.0  # times the median error of the views
STRANGE_PX = 0.5  # an error below is never strange
MAX_DROPPED = 0.2  # share of the views
# OpenCV's own wait for changes that no number of 64 bits can show, and so make all their steps
CONVERGED = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 1e-9)


@dataclass(frozen=True)
class IntrinsicsFit:
    """Intrinsics and how far they can be trusted.

    Attributes:
        intrinsics: from all views but those dropped.
        sigma: standard deviations of its parameters, by leaving each view and its copies out once
            (jackknife), widened because views are few.
        held_out_rms_px: of corners in views the fit had not seen; all models by name.
        dropped: indices of views that fit the others badly.
    """

    intrinsics: Intrinsics
    sigma: Array
    held_out_rms_px: dict[str, float]
    dropped: tuple[int, ...]

    @property
    def rms_px(self) -> float:
        """The held-out error of the chosen model."""
        return self.held_out_rms_px[self.intrinsics.model]


def fit_intrinsics(views: Sequence[Detection], rng: np.random.Generator) -> IntrinsicsFit:
    """Find intrinsics and how far they can be trusted.

    Args:
        views: of one camera.
        rng: draws which views are held out together.

    Raises:
        DataError: there are too few distinct views, of different sizes, or no model fits them.
    """
    groups = groups_of_views(views)
    require_views(views, groups)
    try:
        return _fit_best(views, groups, rng)
    except cv2.error as error:
        raise DataError(
            "no camera model fits these pictures",
            hint="is it one camera, at one zoom and focus, and a flat board?",
        ) from error


def _fit_best(
    views: Sequence[Detection], groups: Indices, rng: np.random.Generator
) -> IntrinsicsFit:
    kept = _without_strange_views(views, groups)
    known, copies = [views[i] for i in kept], members(groups[kept])
    folds = [
        np.concatenate([copies[i] for i in fold])
        for fold in np.array_split(rng.permutation(len(copies)), FOLDS)
    ]
    held_out = {name: _held_out_rms_px(fit, known, folds) for name, fit in MODELS.items()}
    best = min(held_out.values())
    name = next(name for name in MODELS if held_out[name] * NOTICEABLY <= best)
    intrinsics = MODELS[name](known)
    dropped = tuple(sorted(set(range(len(views))) - set(kept)))
    return IntrinsicsFit(
        intrinsics, _jackknife_sigma(MODELS[name], known, copies), held_out, dropped
    )


def require_views(views: Sequence[Detection], groups: Indices) -> None:
    """Check that there are enough distinct views, all of one size.

    Args:
        views: of one camera.
        groups: (N,) to which group of copies each belongs.

    Raises:
        DataError: there are not.
    """
    if len(views) < MIN_VIEWS:
        raise DataError(
            f"the board was found in {len(views)} pictures, {MIN_VIEWS} are needed",
            hint="take more, with the board in view, sharp and evenly lit",
        )
    sizes = sorted({view.size_px for view in views})
    if len(sizes) > 1:
        told = ", ".join(f"{width}×{height}" for width, height in sizes)
        raise DataError(
            f"the pictures have different sizes: {told}",
            hint="use pictures of one camera, taken at one resolution",
        )
    if (count := count_distinct(groups)) < MIN_VIEWS:
        raise DataError(
            f"the views are alike: {count} distinct in {len(views)} pictures, "
            f"{MIN_VIEWS} are needed",
            hint="move and tilt the board, or the camera, between pictures; copies say nothing new",
        )


def _without_strange_views(views: Sequence[Detection], groups: Indices) -> list[int]:
    """Return the indices of views that fit the others."""
    kept = list(range(len(views)))
    for _ in range(int(MAX_DROPPED * len(views))):
        if count_distinct(groups[kept]) <= MIN_VIEWS:
            break
        intrinsics = _fit_plumb_bob([views[i] for i in kept])
        errors = np.array([_rms(intrinsics.errors_px(views[i])) for i in kept])
        worst = int(errors.argmax())
        if errors[worst] <= max(STRANGE * float(np.median(errors)), STRANGE_PX):
            break
        del kept[worst]
    return kept


def _held_out_rms_px(fit: Fit, views: Sequence[Detection], folds: Sequence[Indices]) -> float:
    """Return the error at views that a fit has not seen; each fold is held out once."""
    errors = []
    for fold in folds:
        try:
            intrinsics = fit(_others(views, fold))
            errors += [intrinsics.errors_px(views[i]) for i in fold]
        except cv2.error:  # this model does not fit these views at all
            return float("inf")
    return _rms(np.concatenate(errors))


def _jackknife_sigma(fit: Fit, views: Sequence[Detection], copies: Sequence[Indices]) -> Array:
    count = len(copies)
    without = np.array([fit(_others(views, group)).parameters for group in copies])
    spread = (without - without.mean(axis=0)) ** 2
    return np.asarray(widening(count) * np.sqrt((count - 1) / count * spread.sum(axis=0)))


def _others(views: Sequence[Detection], away: Indices) -> list[Detection]:
    return [view for i, view in enumerate(views) if i not in away]


def _fit_radial(views: Sequence[Detection]) -> Intrinsics:
    only = cv2.CALIB_ZERO_TANGENT_DIST | cv2.CALIB_FIX_K3
    return _fit_pinhole(views, "radial", 5, only)


def _fit_plumb_bob(views: Sequence[Detection]) -> Intrinsics:
    return _fit_pinhole(views, "plumb_bob", 5, 0)


def _fit_rational(views: Sequence[Detection]) -> Intrinsics:
    return _fit_pinhole(views, "rational_polynomial", 8, cv2.CALIB_RATIONAL_MODEL)


def _fit_pinhole(
    views: Sequence[Detection], model: str, coefficients: int, flags: int
) -> Intrinsics:
    objects = [view.object_m.astype(np.float32) for view in views]
    images = [view.image_px.astype(np.float32) for view in views]
    size = views[0].size_px
    _, K, distortion, *_ = cv2.calibrateCamera(
        objects, images, size, None, None, flags=flags, criteria=CONVERGED
    )
    flat = np.asarray(distortion, float).reshape(-1)[:coefficients]
    return Intrinsics(np.asarray(K, float), flat, model, size)


def _fit_fisheye(views: Sequence[Detection]) -> Intrinsics:
    flag = cv2.fisheye if hasattr(cv2.fisheye, "CALIB_FIX_SKEW") else cv2  # OpenCV 4 and 5
    flags = flag.CALIB_RECOMPUTE_EXTRINSIC | flag.CALIB_FIX_SKEW
    objects = [view.object_m[None] for view in views]  # (1, N, 3): others are misread
    images = [view.image_px[None] for view in views]
    size = views[0].size_px
    _, K, distortion, *_ = cv2.fisheye.calibrate(
        objects, images, size, np.eye(3), np.zeros(4), flags=flags, criteria=CONVERGED
    )
    flat = np.asarray(distortion, float).reshape(-1)
    return Intrinsics(np.asarray(K, float), flat, FISHEYE, size)


MODELS: dict[str, Fit] = {  # the simplest first
    "radial": _fit_radial,
    "plumb_bob": _fit_plumb_bob,
    "rational_polynomial": _fit_rational,
    FISHEYE: _fit_fisheye,
}


def _rms(errors_px: Array) -> float:
    """Return the root mean square length of (N, 2) errors."""
    return float(np.sqrt(np.mean(np.sum(errors_px**2, axis=1))))
