"""Honest numbers about few trials."""

from __future__ import annotations

import math

Z_95 = 1.959964


def wilson_interval(successes: int, trials: int, z: float = Z_95) -> tuple[float, float]:
    """Return the interval of a success rate that holds up at 0 and at 1 (Wilson 1927).

    Args:
        successes: k of n.
        trials: n; with none, nothing is known: (0, 1).
        z: normal quantile, 1.96 for 95 %.
    """
    if trials == 0:
        return 0.0, 1.0
    rate = successes / trials
    scale = 1 + z * z / trials
    centre = (rate + z * z / (2 * trials)) / scale
    half = z / scale * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    low = centre - half if successes > 0 else 0.0  # exactly: rounding leaves 5e-17
    high = centre + half if successes < trials else 1.0
    return low, high
