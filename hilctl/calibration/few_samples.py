"""Intervals from few samples, which are too narrow as they come."""

from __future__ import annotations

import numpy as np
from scipy.stats import t as student_t

UNKNOWNS = 2  # as many samples as say nothing about how far they scatter


def widening(count: int) -> float:
    """Return by how much an interval from `count` resampled pictures has to be widened.

    As a t-interval is; without it 88 % of the intervals of 20 pictures held the truth.
    """
    free = count - UNKNOWNS
    as_many = student_t.ppf(0.975, free) / student_t.ppf(0.975, np.inf)
    return float(np.sqrt(count / free) * as_many)
