"""What a person is told while a policy learns."""

from __future__ import annotations

import json

import pytest
from made_up_episodes import summary

from hilctl.data.step import Outcome
from hilctl.training.metrics import WINDOW, Progress


def counted(*summaries: object) -> Progress:
    progress = Progress()
    for one in summaries:
        progress.count(one)  # type: ignore[arg-type]
    return progress


def test_rates_are_over_the_last_20_episodes() -> None:
    progress = counted(*[summary(Outcome.FAILURE)] * 30, *[summary()] * 5)
    assert progress.success_last20 == pytest.approx(5 / 20)
    assert progress.autonomous_success_last20 == pytest.approx(5 / 20)


def test_helped_episodes_are_no_evidence_of_autonomous_success() -> None:
    helped = summary(intervention_steps=5)
    progress = counted(*[summary(Outcome.FAILURE)] * 5, *[helped] * 15)
    assert progress.success_last20 == pytest.approx(15 / 20)
    assert progress.autonomous_success_last20 == 0
    assert progress.intervention_rate_last20 == pytest.approx(15 * 5 / 200)
    assert progress.intervention_steps == 75


def test_an_episode_that_needed_help_is_one_in_which_the_policy_failed() -> None:
    helped, failed = summary(intervention_steps=5), summary(Outcome.FAILURE)
    progress = counted(*[summary(), helped, helped, failed] * 5)
    assert progress.autonomous_success_last20 == pytest.approx(5 / 20)
    assert progress.successes_without_help(last=WINDOW) == 5
    assert progress.successes_without_help(last=4) == 1


def test_a_success_that_only_the_operator_saw_is_none_of_the_policy_alone() -> None:
    assert counted(summary(claimed=True)).autonomous_success_last20 == 0


def test_what_trials_take_is_told_apart() -> None:
    progress = Progress()
    progress.count(summary())
    for trial, outcome in [(1, Outcome.SUCCESS), (2, Outcome.SUCCESS), (2, Outcome.FAILURE)]:
        progress.count(summary(outcome), trial=trial)
    assert (progress.episodes, progress.robot_steps) == (4, 40)
    assert (progress.trials, progress.trial_episodes, progress.trial_steps) == (2, 3, 30)
    assert progress.trial_record == (1, 1)
    assert progress.tried == [(1, True), (2, True), (2, False)]
    progress.count(summary())
    assert progress.trial == 0
    assert progress.trial_record == (0, 0)


def test_an_episode_thrown_away_is_no_result_of_a_trial() -> None:
    progress = Progress()
    progress.count(summary(Outcome.ABORTED, discarded=True), trial=1)
    assert progress.tried == []


def test_aborted_episodes_cost_steps_but_say_nothing_about_the_policy() -> None:
    progress = counted(summary(), summary(Outcome.ABORTED))
    assert progress.success_last20 == 1
    assert progress.robot_steps == 20
    assert progress.episodes == 2


def test_vetoes_claims_and_disagreements_are_counted() -> None:
    progress = counted(
        summary(Outcome.FAILURE, vetoed=True, true_success=False),
        summary(claimed=True, true_success=True),
        summary(true_success=False),
        summary(true_success=None),
    )
    assert (progress.vetoes, progress.claims, progress.true_disagreements) == (1, 1, 1)


def test_before_anything_happened_every_rate_is_zero_and_everything_is_json() -> None:
    record = Progress(learner={"q": 0.5}).as_dict()
    assert record["success_last20"] == record["intervention_rate_last20"] == 0
    assert record["q"] == 0.5
    assert json.loads(json.dumps(record)) == record
