"""Threshold and figures: the false-positive rate asked for is kept, runs count as runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilctl.rewards.frames import LabelledFrames
from hilctl.rewards.metrics import choose_threshold, in_a_row, measure, precision_recall


@given(
    seed=st.integers(0, 1000),
    rate=st.floats(0.001, 0.2),
    failures=st.integers(1, 400),
    ties=st.booleans(),
)
def test_threshold_keeps_the_rate(seed: int, rate: float, failures: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.zeros(failures, bool), np.ones(30, bool)])
    probability = rng.random(len(labels))
    if ties:
        probability = probability.round(1)
    threshold = choose_threshold(probability, labels, rate)
    assert (probability[~labels] >= threshold).mean() <= rate + 1e-12
    assert threshold >= 0.5


def test_a_wide_gap_is_shared_between_policy_and_success() -> None:
    probability = np.concatenate([np.full(100, 0.01), np.linspace(0.95, 0.99, 100)])
    labels = np.arange(200) >= 100
    threshold = choose_threshold(probability, labels, 0.005)
    assert 0.75 < threshold < 0.9
    assert (probability[labels] >= threshold).mean() >= 0.9


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 4))
def test_runs_agree_with_their_definition(positive: list[bool], consecutive: int) -> None:
    flags = np.array(positive, bool)
    names = np.repeat("a", len(flags))
    claims = in_a_row(flags, names, consecutive)
    for row in range(len(flags)):
        wanted = row + 1 >= consecutive and flags[row + 1 - consecutive : row + 1].all()
        assert claims[row] == wanted


def test_runs_do_not_cross_episodes() -> None:
    claims = in_a_row(np.array([True, True, True]), np.array(["a", "b", "b"]), 2)
    assert claims.tolist() == [False, False, True]


def test_successes_are_counted_with_the_frames_in_a_row_that_they_take() -> None:
    #            recognised    missed     too short  a false one, and one that a gap breaks
    labels = np.array([0, 1, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0], bool)
    over = np.array([0, 0, 1, 1, 0, 1, 0, 0, 0, 1, 0, 1, 1, 0, 0], float)
    names = np.repeat(["a", "b"], [13, 2])
    steps = np.concatenate([np.arange(13), [0, 2]])
    over[13:] = 1
    data = LabelledFrames({}, labels, names, steps)
    metrics = measure(over, data, np.zeros(15, int), 0.5, 2)
    assert metrics.successes == {"shown": 2, "recognised": 1}
    assert metrics.recognised == 0.5
    assert metrics.false_claims == 1


def test_curve_of_a_perfect_classifier() -> None:
    curve = precision_recall(np.array([0.9, 0.8, 0.2, 0.1]), np.array([True, True, False, False]))
    assert curve[1] == pytest.approx((0.8, 1.0, 1.0))
    assert curve[-1] == pytest.approx((0.1, 0.5, 1.0))
    recall = [point[2] for point in curve]
    assert recall == sorted(recall)
