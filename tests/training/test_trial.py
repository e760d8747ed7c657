"""How often a policy that is too bad ends a run, and what it costs to be sure of a good one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_episodes import summary

from hilctl.data.step import Outcome
from hilctl.training.metrics import Progress
from hilctl.training.trial import (
    ERROR,
    FREE,
    HOPELESS,
    PAUSE,
    STAKE,
    WINDOW,
    Trials,
    TrialState,
    evidence,
    is_worth_a_trial,
    too_bad,
)

LIMIT = 600  # episodes
SUCCESS, FAILURE = summary(), summary(Outcome.FAILURE)
Rate = Callable[[int], float]  # episodes so far → chance of success


def episodes_until_passed(
    rng: np.random.Generator, greedy: Rate, sampled: Rate, target: float
) -> tuple[int, float | None]:
    """Return a run's episodes, and the rate of the policy that passed, if one did."""
    progress, trials, last = Progress(), Trials(target), 0
    tried_at: int | None = None
    while progress.episodes < LIMIT:
        successes, since = progress.successes_without_help(last=WINDOW), progress.episodes - last
        if tried_at is None and is_worth_a_trial(successes, since, target):
            tried_at = progress.episodes
        rate = sampled(progress.episodes) if tried_at is None else greedy(tried_at)
        success = bool(rng.random() < rate)
        progress.count(SUCCESS if success else FAILURE, trial=int(tried_at is not None))
        if tried_at is None:
            continue
        verdict = trials.count(tried_at, success=success)
        if verdict is TrialState.PASSED:
            return progress.episodes, greedy(tried_at)
        if verdict is TrialState.GIVEN_UP:
            tried_at, last = None, progress.episodes
    return LIMIT, None


def runs(
    greedy: Rate, count: int, sampled: Rate | None = None, target: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Return the episodes of many runs, and whether a policy passed."""
    rng = np.random.default_rng(0)
    ended = [episodes_until_passed(rng, greedy, sampled or greedy, target) for _ in range(count)]
    return (
        np.array([episodes for episodes, _ in ended]),
        np.array([passed is not None for _, passed in ended]),
    )


def test_a_policy_of_90_percent_ends_at_most_one_run_in_twenty_at_95() -> None:
    _, passed = runs(lambda so_far: 0.9, 1000)
    assert passed.mean() <= 0.05  # with 30 in a row, tried at will: 0.70


def test_a_policy_of_99_percent_passes_in_the_robot_time_of_30_in_a_row() -> None:
    # with 30 in a row when 17 of the last 20 succeeded: median 50, mean 59
    episodes, passed = runs(lambda so_far: 0.99, 500)
    assert passed.all()
    assert np.median(episodes) <= 50 + FREE
    assert episodes.mean() <= 62 + 2 * FREE


def test_a_policy_that_never_fails_passes_as_soon_as_with_30_in_a_row() -> None:
    episodes, _ = runs(lambda so_far: 1.0, 1)
    assert episodes[0] < 20 + 30 + FREE


@pytest.mark.parametrize("cost_of_sampling", [0.0, 0.1])
def test_policies_that_learn_pass_soon_after_they_are_good(cost_of_sampling: float) -> None:
    def greedy(so_far: int) -> float:
        return min(0.99, 0.3 + 0.69 * so_far / 200)

    episodes, passed = runs(greedy, 150, lambda so_far: greedy(so_far) - cost_of_sampling)
    assert passed.all()
    assert episodes.mean() < 1.3 * 241  # the mean with 30 in a row


@pytest.mark.parametrize(("target", "good"), [(0.5, 0.7), (0.8, 0.9), (0.9, 0.98), (1.0, 1.0)])
def test_other_targets_are_met_by_good_policies_and_not_by_bad_ones(
    target: float, good: float
) -> None:
    _, passed = runs(lambda so_far: too_bad(target), 400, target=target)
    assert passed.mean() <= 0.075  # 0.05 and what 400 runs leave to chance
    episodes, passed = runs(lambda so_far: good, 200, target=target)
    assert passed.mean() > 0.95
    assert np.median(episodes) < 200


def test_what_is_too_bad_fails_twice_as_often_or_succeeds_half_as_often() -> None:
    assert too_bad(0.95) == pytest.approx(0.9)
    assert too_bad(0.9) == pytest.approx(0.8)
    assert too_bad(0.5) == pytest.approx(0.25)
    assert too_bad(1.0) == too_bad(0.975) == pytest.approx(0.95)


@given(st.floats(0.01, 1.0))
def test_what_is_too_bad_is_below_every_target(target: float) -> None:
    assert 0 < too_bad(target) < target
    assert is_worth_a_trial(WINDOW, PAUSE, target)
    assert not is_worth_a_trial(WINDOW, PAUSE - 1, target)
    assert not is_worth_a_trial(0, LIMIT, target)


@given(st.floats(0.01, 1.0), st.integers(0, 60), st.integers(0, 10))
def test_under_a_policy_that_is_too_bad_the_stake_does_not_grow_on_average(
    target: float, successes: int, failures: int
) -> None:
    bad = too_bad(target)
    after = bad * evidence(successes + 1, failures, target)
    after += (1 - bad) * evidence(successes, failures + 1, target)
    assert after == pytest.approx(evidence(successes, failures, target))


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=300), st.floats(0.3, 1.0))
def test_the_error_of_a_run_is_never_more_than_it_had(
    episodes: list[tuple[int, bool]], target: float
) -> None:
    trials = Trials(target)
    had = trials.left
    for policy, success in episodes:
        trials.count(policy, success=success)
        assert trials.left + trials.stake <= had + 1e-12
        had = trials.left + trials.stake
    assert 0 < had <= ERROR


def pass_one(trials: Trials, policy: object) -> int:
    for count in range(1, LIMIT):
        if trials.count(policy, success=True) is TrialState.PASSED:
            return count
    raise AssertionError("it never passes")


def test_one_failure_need_not_end_a_trial() -> None:
    trials = Trials(0.95)
    verdicts = [trials.count("policy", success=number != 25 + FREE) for number in range(1, 90)]
    assert verdicts[24 + FREE] is TrialState.GOES_ON
    assert TrialState.PASSED in verdicts
    assert TrialState.GIVEN_UP not in verdicts


def test_a_policy_that_fails_in_its_free_episodes_costs_no_error() -> None:
    for free in range(FREE):
        trials = Trials(0.95)
        for _ in range(free):
            assert trials.count("policy", success=True) is TrialState.GOES_ON
        assert trials.count("policy", success=False) is TrialState.GIVEN_UP
        assert trials == Trials(0.95, number=1, _policy="policy", _free=FREE - free)


def test_a_policy_that_is_good_only_without_noise_is_found() -> None:
    episodes, passed = runs(lambda so_far: min(0.98, so_far / 150), 100, lambda so_far: 0.35)
    assert passed.mean() > 0.95
    assert episodes.mean() < 300


def test_a_hopeless_trial_is_given_up_at_once_and_the_next_one_is_harder() -> None:
    easy, trials = pass_one(Trials(0.95), "policy"), Trials(0.95)
    for _ in range(FREE):
        trials.count("policy", success=True)
    assert trials.count("policy", success=False) is TrialState.GIVEN_UP
    assert evidence(0, 1, 0.95) < HOPELESS
    assert trials.left < ERROR
    assert pass_one(trials, "policy") > easy


def test_another_policy_is_another_trial_with_evidence_of_its_own() -> None:
    trials = Trials(0.95)
    for _ in range(20):
        assert trials.count("first", success=True) is TrialState.GOES_ON
    assert trials.number_for("first") == 1
    assert trials.number_for("second") == 2
    assert pass_one(trials, "second") == pass_one(Trials(0.95), "policy")
    assert trials.number == 2


def test_what_a_good_trial_has_won_does_not_make_the_next_one_easier() -> None:
    trials = Trials(0.95)
    for _ in range(20):
        trials.count("first", success=True)
    trials.leave()
    assert trials.left == pytest.approx(ERROR)


def test_a_run_that_goes_on_remembers_the_error_that_was_spent() -> None:
    rng, trials, log = np.random.default_rng(3), Trials(0.95), []
    for _ in range(200):
        number, success = trials.number_for("policy"), bool(rng.random() < 0.8)
        log.append((number, success))
        trials.count("policy", success=success)
    trials.leave()
    again = Trials.resumed(0.95, log)
    assert again.left == pytest.approx(trials.left)
    assert again.left < ERROR * (1 - STAKE / 2)
    assert again.number == trials.number
    assert Trials.resumed(0.95, []) == Trials(0.95)


def test_a_run_that_goes_on_after_a_policy_passed_has_spent_its_stake() -> None:
    trials = Trials(0.95)
    log = [(1, True)] * pass_one(trials, "policy")
    assert Trials.resumed(0.95, log).left == pytest.approx(ERROR * (1 - STAKE))


def test_a_policy_that_passed_has_more_evidence_than_any_before_it() -> None:
    rng, trials = np.random.default_rng(5), Trials(0.95)
    most = 0.0
    for _ in range(10):
        policy = object()
        while trials.count(policy, success=bool(rng.random() < 0.93)) is TrialState.GOES_ON:
            most = max(most, trials.worth)
    pass_one(trials, "good")
    assert trials.worth > most
