"""Intervals from few samples, which are too narrow as they come."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri, stdtrit  # scipy.stats takes 0.8 s to import

UNKNOWNS = 2  # as many samples as say nothing about how far they scatter


def widening(count: int) -> float:
    """Return by how much an interval from `count` resampled pictures has to be widened.

    As a t-interval is; without it 88 % of the intervals of 20 pictures held the truth.
    """
    free = count - UNKNOWNS
    as_many = stdtrit(free, 0.975) / ndtri(0.975)
    return float(np.sqrt(count / free) * as_many)
