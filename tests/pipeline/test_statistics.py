"""Intervals of success rates: textbook values, and what holds for all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilctl.pipeline.evaluate.statistics import interval_over_seeds, wilson_interval


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # computed with an independent implementation of the score interval without correction
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (19, 20, 0.7639, 0.9911),
        (20, 20, 0.8389, 1.0),
        (50, 100, 0.4038, 0.5962),
        (81, 263, 0.2553, 0.3662),  # Newcombe (1998), table I
        (15, 148, 0.0624, 0.1605),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_known_intervals(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=6e-5)


def test_all_and_nothing_reach_the_ends_exactly() -> None:
    for trials in range(1, 60):
        assert wilson_interval(0, trials)[0] == 0.0
        assert wilson_interval(trials, trials)[1] == 1.0


def test_with_no_trials_nothing_is_known() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


@settings(deadline=None)
@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_the_rate_and_mirrors_failures(counts: tuple[int, int]) -> None:
    successes, trials = counts
    low, high = wilson_interval(successes, trials)
    assert 0 <= low <= successes / trials + 1e-12
    assert successes / trials - 1e-12 <= high <= 1
    mirrored = wilson_interval(trials - successes, trials)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-12)


@settings(deadline=None)
@given(st.integers(1, 200))
def test_more_trials_narrow_the_interval(trials: int) -> None:
    low, high = wilson_interval(trials, 2 * trials)
    more_low, more_high = wilson_interval(2 * trials, 4 * trials)
    assert more_high - more_low < high - low


@pytest.mark.parametrize(("a", "b"), [(8, 2), (20, 1), (50, 2), (5, 1), (2, 2), (1, 9), (2, 0.2)])
def test_an_interval_over_seeds_covers_the_mean_of_all_seeds(a: float, b: float) -> None:
    rng = np.random.default_rng(0)
    successes = rng.binomial(50, rng.beta(a, b, (2000, 3)))
    covered = 0
    for own in successes.tolist():
        low, high = interval_over_seeds(own, 50) or (0.0, 0.0)
        covered += low <= a / (a + b) <= high
    assert covered / len(successes) >= 0.95  # of the pooled interval: 0.33 to 0.84


def test_an_interval_over_seeds_says_something_when_all_are_alike() -> None:
    low, high = interval_over_seeds([50, 50, 50], 50) or (0.0, 0.0)
    assert high == 1.0
    assert 0.85 < low < wilson_interval(150, 150)[0]
    assert interval_over_seeds([0, 0, 0], 50) == pytest.approx((0, 1 - low))


@given(st.lists(st.integers(0, 50), min_size=2, max_size=8))
def test_an_interval_over_seeds_holds_the_pooled_one_but_for_where_it_is_centred(
    successes: list[int],
) -> None:
    low, high = interval_over_seeds(successes, 50) or (0.0, 0.0)
    pooled_low, pooled_high = wilson_interval(sum(successes), 50 * len(successes))
    assert 0 <= low <= sum(successes) / (50 * len(successes)) <= high <= 1
    assert high - low >= pooled_high - pooled_low


def test_one_seed_says_nothing_of_others() -> None:
    assert interval_over_seeds([50], 50) is None
