"""A hand-eye calibration that is judged on poses it was not made from.

The residual of the poses it was made from says nothing: with four poses it can be below a pixel
while the camera is more than a centimetre off.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student_t

from hilctl.calibration.hand_eye import HandEye, Sightings, errors, solve
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
UNKNOWNS = 2  # as many poses as there are unknown ones: the camera's and the board's


class Verdict(enum.StrEnum):
    """Whether a calibration may be used."""

    ACCEPTED = "accepted"
    DOUBTFUL = "doubtful"
    REFUSED = "refused"


@dataclass(frozen=True)
class Off:
    """How far off: a distance and an angle."""

    distance_m: float
    angle_rad: float

    @property
    def verdict(self) -> Verdict:
        """Whether that is little enough."""
        if self.distance_m > WARN_M or self.angle_rad > WARN_RAD:
            return Verdict.REFUSED
        if self.distance_m > ACCEPT_M or self.angle_rad > ACCEPT_RAD:
            return Verdict.DOUBTFUL
        return Verdict.ACCEPTED

    def __str__(self) -> str:
        """Return it in units a person feels."""
        return f"{self.distance_m * 1e3:.1f} mm, {np.degrees(self.angle_rad):.2f}°"


@dataclass(frozen=True)
class Fitted:
    """A solution and how far it can be trusted.

    Attributes:
        hand_eye: from all poses but the outliers.
        held_out: root mean square error of the board's place at poses that the solution they are
            judged by had not seen.
        uncertainty: half width of the 95 % interval of the camera's place (bootstrap over poses).
        outliers: indices of poses that fit the others badly and were left out.
        errors_m, errors_rad: (N,) of the poses that were used, each by a solution without it.
    """

    hand_eye: HandEye
    held_out: Off
    uncertainty: Off
    outliers: tuple[int, ...]
    errors_m: Array
    errors_rad: Array


def fit_hand_eye(seen: Sightings, rng: np.random.Generator) -> Fitted:
    """Find where a camera sits, and how far that can be trusted.

    Args:
        seen: at least `MIN_POSES`, turned by `MIN_SPAN_RAD` about two axes.
        rng: draws held-out poses and resamples.

    Raises:
        DataError: there are too few poses, they are too alike, or too many fit badly.
    """
    require_variety(seen)
    kept, outliers = _split_outliers(seen)
    if len(kept) < MIN_POSES:
        raise DataError(
            f"{len(outliers)} of {len(seen)} poses fit the others badly, "
            f"{len(kept)} are left and {MIN_POSES} are needed",
            hint="hold the arm still before each picture, and take more poses",
        )
    used = seen[kept]
    found = solve(used)
    errors_m, errors_rad = held_out_errors(used, rng)
    held_out = Off(_rms(errors_m), _rms(errors_rad))
    uncertainty = _uncertainty(found, used, rng)
    return Fitted(found, held_out, uncertainty, outliers, errors_m, errors_rad)


def require_variety(seen: Sightings) -> None:
    """Check that there are enough poses, turned about more than one axis.

    Raises:
        DataError: there are not.
    """
    count = len(seen)
    if count < MIN_POSES:
        raise DataError(
            f"{count} poses with the board in view, {MIN_POSES} are needed",
            hint=f"take {MIN_POSES - count} more, from different sides",
        )
    first, second = np.triu_indices(count, k=1)
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
    """Return (N,) m and (N,) rad of poses held out, `HELD_OUT` at a time, until each was once."""
    order = rng.permutation(len(seen))
    distances, angles = np.zeros(len(seen)), np.zeros(len(seen))
    for start in range(0, len(order), HELD_OUT):
        asked = np.isin(np.arange(len(order)), order[start : start + HELD_OUT])
        distances[asked], angles[asked] = errors(solve(seen[~asked]), seen[asked])
    return distances, angles


def _split_outliers(seen: Sightings) -> tuple[Indices, tuple[int, ...]]:
    """Return the poses that fit the others and those that do not, the worst left out first."""
    kept = np.arange(len(seen))
    outliers: list[int] = []
    while len(kept) >= MIN_POSES:
        distances, angles = _errors_when_left_out(seen[kept])
        strangeness = np.maximum(
            distances / max(STRANGE * float(np.median(distances)), ACCEPT_M),
            angles / max(STRANGE * float(np.median(angles)), ACCEPT_RAD),
        )
        worst = int(strangeness.argmax())
        if strangeness[worst] <= 1:
            break
        outliers.append(int(kept[worst]))
        kept = np.delete(kept, worst)
    return kept, tuple(sorted(outliers))


def _errors_when_left_out(seen: Sightings) -> tuple[Array, Array]:
    """Return (N,) m and (N,) rad of each pose by the solution of all others."""
    everyone = np.arange(len(seen))
    found = [errors(solve(seen[everyone != i]), seen[everyone == i]) for i in everyone]
    return np.concatenate([d for d, _ in found]), np.concatenate([a for _, a in found])


def _uncertainty(found: HandEye, seen: Sightings, rng: np.random.Generator) -> Off:
    """Return the 95 % interval of the camera's place by a bootstrap over poses.

    A bootstrap of few poses is too sure: it is widened as a t-interval is.
    """
    count = len(seen)
    distances, angles = [], []
    for _ in range(RESAMPLES):
        again = solve(seen[rng.integers(0, count, count)])
        off = found.T_parent_cam.inv() * again.T_parent_cam
        distances.append(np.linalg.norm(off.translation))
        angles.append(off.rotation.magnitude())
    free = count - UNKNOWNS
    wider = float(np.sqrt(count / free) * student_t.ppf(0.975, free) / student_t.ppf(0.975, np.inf))
    return Off(
        wider * float(np.quantile(distances, 0.95)), wider * float(np.quantile(angles, 0.95))
    )


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))
