"""A hand-eye calibration that is judged on poses it was not made from.

The residual of the poses it was made from says nothing: with four poses it can be below a pixel
while the camera is more than a centimetre off.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilctl.calibration.copies import members
from hilctl.calibration.few_samples import widening
from hilctl.calibration.hand_eye import HandEye, Motions, Sightings, errors, motions_of, solve
from hilctl.errors import DataError

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

MIN_POSES = 12
HELD_OUT = 4  # poses at a time, until each was once
MIN_SPAN_RAD = np.deg2rad(30.0)  # about each of two axes
ACCEPT_M, WARN_M = 0.002, 0.005
ACCEPT_RAD, WARN_RAD = np.deg2rad(0.5), np.deg2rad(1.25)
STRANGE = 4.0  # times the median error of the others
RESAMPLES = 200
SCALE_OFF, SURELY = 0.01, 3.0  # a board's size is wrong: by so much, and so many sigma


class HandEyeVerdict(enum.StrEnum):
    """Whether a calibration may be used."""

    ACCEPTED = "accepted"
    DOUBTFUL = "doubtful"
    REFUSED = "refused"


@dataclass(frozen=True)
class PoseError:
    """How far off: a distance and an angle."""

    distance_m: float
    angle_rad: float

    @property
    def verdict(self) -> HandEyeVerdict:
        """Whether that is little enough."""
        if self.distance_m > WARN_M or self.angle_rad > WARN_RAD:
            return HandEyeVerdict.REFUSED
        if self.distance_m > ACCEPT_M or self.angle_rad > ACCEPT_RAD:
            return HandEyeVerdict.DOUBTFUL
        return HandEyeVerdict.ACCEPTED

    def __str__(self) -> str:
        """Return it in units a person feels."""
        return f"{self.distance_m * 1e3:.1f} mm, {np.degrees(self.angle_rad):.2f}°"


@dataclass(frozen=True)
class HandEyeFit:
    """A solution and how far it can be trusted.

    Attributes:
        hand_eye: from all poses but the outliers.
        held_out: root mean square error of the board's place at poses that the solution they are
            judged by had not seen, nor a copy of; copies count as one.
        uncertainty: half width of the 95 % interval of the camera's place (bootstrap over distinct
            poses).
        scale, scale_sigma: size of the board by the robot's motion, over the size that was given.
        outliers: indices of poses that fit the others badly and were left out.
        errors_m, errors_rad: (N,) of the poses that were used, each by a solution without it.
    """

    hand_eye: HandEye
    held_out: PoseError
    uncertainty: PoseError
    scale: float
    scale_sigma: float
    outliers: tuple[int, ...]
    errors_m: Array
    errors_rad: Array

    @property
    def wrong_size(self) -> bool:
        """Whether the board is not of the size that was given: held-out poses do not show that."""
        off = abs(self.scale - 1)
        return off > SCALE_OFF and off > SURELY * self.scale_sigma


def fit_hand_eye(seen: Sightings, rng: np.random.Generator) -> HandEyeFit:
    """Find where a camera sits, and how far that can be trusted.

    Args:
        seen: at least `MIN_POSES` distinct ones, turned by `MIN_SPAN_RAD` about two axes.
        rng: draws held-out poses and resamples.

    Raises:
        DataError: there are too few poses, they are too alike, or too many fit badly.
    """
    require_variety(seen)
    kept, outliers = _split_outliers(seen)
    used = seen[kept]
    if used.distinct < MIN_POSES:
        raise DataError(
            f"{len(outliers)} of {len(seen)} poses fit the others badly, "
            f"{used.distinct} are left and {MIN_POSES} are needed",
            hint="hold the arm still before each picture, and take more poses",
        )
    found = solve(used)
    errors_m, errors_rad = held_out_errors(used, rng)
    held_out = PoseError(_rms(errors_m, used), _rms(errors_rad, used))
    uncertainty, scale_sigma = _uncertainty(found, used, rng)
    scale = motions_of(used).board_scale()
    return HandEyeFit(
        found, held_out, uncertainty, scale, scale_sigma, outliers, errors_m, errors_rad
    )


def require_variety(seen: Sightings) -> None:
    """Check that there are enough distinct poses, turned about more than one axis.

    Raises:
        DataError: there are not.
    """
    count = seen.distinct
    if count < MIN_POSES:
        poses = f"{count} poses" if count == len(seen) else f"{count} distinct poses in {len(seen)}"
        raise DataError(
            f"{poses} with the board in view, {MIN_POSES} are needed",
            hint=f"take {MIN_POSES - count} more, from different sides",
        )
    first, second = np.triu_indices(len(seen), k=1)
    turns = (seen.T_parent_other[first] * seen.T_parent_other[second].inv()).rotation.as_rotvec()
    axes = np.linalg.svd(turns, full_matrices=False)[2]
    spans = np.abs(turns @ axes.T).max(axis=0)
    if spans[1] < MIN_SPAN_RAD:
        most_deg, next_deg = np.degrees(spans[:2])
        raise DataError(
            f"the tool turned by {most_deg:.0f}° about one axis and by {next_deg:.0f}° about "
            f"another, {np.degrees(MIN_SPAN_RAD):.0f}° about both are needed",
            hint="tilt the tool to the left and right as well as forwards and backwards",
        )


def held_out_errors(seen: Sightings, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return (N,) m and (N,) rad of poses held out, `HELD_OUT` at a time, until each was once.

    Copies of a pose are held out with it.
    """
    order = rng.permutation(np.unique(seen.groups))
    return _errors_of_folds(
        seen, [order[start : start + HELD_OUT] for start in range(0, len(order), HELD_OUT)]
    )


def _errors_of_folds(seen: Sightings, folds: Iterable[Indices]) -> tuple[Array, Array]:
    """Return (N,) m and (N,) rad of each fold of groups by the solution of all others."""
    distances, angles = np.zeros(len(seen)), np.zeros(len(seen))
    for fold in folds:
        asked = np.isin(seen.groups, fold)
        distances[asked], angles[asked] = errors(solve(seen[~asked]), seen[asked])
    return distances, angles


def _split_outliers(seen: Sightings) -> tuple[Indices, tuple[int, ...]]:
    """Return the poses that fit the others and those that do not, the worst left out first."""
    kept = np.arange(len(seen))
    outliers: list[int] = []
    while (left := seen[kept]).distinct >= MIN_POSES:
        distances, angles = _errors_of_folds(left, np.unique(left.groups)[:, None])
        usual_m, usual_rad = _median(distances, left), _median(angles, left)
        strangeness = np.maximum(
            distances / max(STRANGE * usual_m, ACCEPT_M),
            angles / max(STRANGE * usual_rad, ACCEPT_RAD),
        )
        worst = int(strangeness.argmax())
        if strangeness[worst] <= 1:
            break
        outliers.append(int(kept[worst]))
        kept = np.delete(kept, worst)
    return kept, tuple(sorted(outliers))


def _uncertainty(
    found: HandEye, seen: Sightings, rng: np.random.Generator
) -> tuple[PoseError, float]:
    """Return the 95 % interval of the camera's place, and sigma of the board's scale.

    Both by a bootstrap over distinct poses, each with its copies.
    """
    copies, count = members(seen.groups), seen.distinct
    motions = Motions.between(seen)
    distances, angles, scales = [], [], []
    for _ in range(RESAMPLES):
        drawn = np.concatenate([copies[i] for i in rng.integers(0, count, count)])
        again = motions.among(drawn)
        scales.append(again.board_scale())
        off = found.T_parent_cam.inv() * again.camera()
        distances.append(np.linalg.norm(off.translation))
        angles.append(off.rotation.magnitude())
    wider = widening(count)
    off = PoseError(
        wider * float(np.quantile(distances, 0.95)), wider * float(np.quantile(angles, 0.95))
    )
    return off, wider * float(np.std(scales))


def _median(values: Array, seen: Sightings) -> float:
    """Return the median over distinct poses."""
    return float(np.median([np.mean(values[one]) for one in members(seen.groups)]))


def _rms(values: Array, seen: Sightings) -> float:
    """Return the root mean square over distinct poses."""
    return float(np.sqrt(np.mean([np.mean(values[one] ** 2) for one in members(seen.groups)])))
