"""Honest numbers about few trials, and about few seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence

Z_95 = 1.959964


def wilson_interval(successes: float, trials: float, z: float = Z_95) -> tuple[float, float]:
    """Return the interval of a success rate that holds up at 0 and at 1 (Wilson 1927).

    Args:
        successes: k of n, or of as many as dependent ones are worth.
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


def interval_over_seeds(successes: Sequence[int], trials: int) -> tuple[float, float] | None:
    """Return a 95 % interval of the mean success rate over all seeds, not of those that were run.

    Every seed trains another policy, so its episodes go together. They are worth as many
    independent ones as the spread between the seeds says, at most as many as they are, and that
    spread is known from few seeds only: Wilson's interval of the effective number with Student's
    quantile (after Korn and Graubard 1998). A kind of failure that no seed has shown is not in it.

    Args:
        successes: of each seed.
        trials: of each seed.

    Returns:
        The interval, or None for fewer than two seeds: one says nothing of others.
    """
    seeds, total = len(successes), len(successes) * trials
    if seeds < 2 or trials == 0:
        return None
    from scipy.special import stdtrit  # 0.2 s to import

    rate = sum(successes) / total
    spread = sum((own / trials - rate) ** 2 for own in successes) / (seeds - 1)
    by_chance = rate * (1 - rate) / trials
    effective = total * min(1.0, by_chance / spread) if spread else total
    quantile = float(stdtrit(seeds - 1, 0.975))
    return wilson_interval(rate * effective, effective, quantile)
