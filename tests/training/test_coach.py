"""Each named trouble is provoked once, and a run that goes well has none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilctl.data.step import EpisodeSummary, Observation, Outcome, Step
from hilctl.task.layout import ActionLayout, ActionPart
from hilctl.training.coach import Coach, stretches

RATE_HZ, MAX_STEPS = 10, 60
ARM = ActionLayout.one_arm()
TWIST_ALONE = ActionPart("delta_pose", "", "delta_pose", 6)
GRIPPER = ActionPart("gripper", "", "gripper", 1, choices=(-1.0, 0.0, 1.0))


@dataclass(frozen=True)
class Attempt:
    """How an episode went, in as many words as a test needs."""

    success: bool = False
    judged: bool | None = None  # None = as it was
    helped: range = range(0)
    action: float = 0.3
    grippers: tuple[float, ...] = ()
    late_s: float = 0.0
    light: int = 100
    steps: int = 20


def summary_of(attempt: Attempt) -> EpisodeSummary:
    judged = attempt.success if attempt.judged is None else attempt.judged
    return EpisodeSummary(
        outcome=Outcome.SUCCESS if attempt.success else Outcome.FAILURE,
        steps=attempt.steps,
        duration_s=attempt.steps / RATE_HZ,
        intervention_steps=len(attempt.helped),
        judged_success=judged,
        true_success=None,
        vetoed=judged and not attempt.success,
        claimed=attempt.success and not judged,
    )


def watch(coach: Coach, attempt: Attempt) -> None:
    picture = np.full((4, 4, 3), attempt.light, np.uint8)
    seen = Observation({"wrist": picture}, {}, 0, {})
    proposal = np.array([*[attempt.action] * 6, *attempt.grippers])
    plain = Step(seen, proposal, proposal, None, False, seen, 0.0, False, False)
    coach.on_episode_start()
    for number in range(attempt.steps):
        step = replace(plain, intervened=number in attempt.helped, late_s=attempt.late_s)
        coach.on_step(step)
    coach.on_episode_end(summary_of(attempt))


def names(*attempts: Attempt, **situation: Any) -> list[str]:
    coach = Coach(RATE_HZ, MAX_STEPS, ARM)
    for attempt in attempts:
        watch(coach, attempt)
    return [found.name for found in coach.diagnoses(situation.pop("q", 0.5), **situation)]


GOOD, BAD = Attempt(success=True), Attempt()
CLAIMED = Attempt(success=True, judged=False)
VETOED = Attempt(success=False, judged=True)
HELPED = Attempt(success=True, helped=range(5, 13))

TROUBLES = {
    "reward never fires": [*[BAD] * 10, *[CLAIMED] * 5],
    "reward fires on failures": [*[GOOD] * 8, *[VETOED] * 4, *[HELPED] * 3],
    "no takeovers and no success": [BAD] * 15,
    "takeovers too long": [Attempt(success=True, helped=range(2, 59), steps=60)] * 10,
    "takeovers too late": [Attempt(success=True, helped=range(55, 60), steps=60)] * 10,
    "actions saturated": [Attempt(success=True, action=-1.0)] * 10,
    "success falling": [*[GOOD] * 20, *[HELPED, BAD] * 10],
    "control rate missed": [Attempt(success=True, late_s=0.004)] * 3,
}


@pytest.mark.parametrize("name", TROUBLES)
def test_each_trouble_is_named(name: str) -> None:
    assert names(*TROUBLES[name]) == [name]


def test_values_above_a_success_are_named() -> None:
    assert names(GOOD, q=1.3) == ["Q above the possible return"]


def test_a_learner_that_falls_behind_is_named() -> None:
    assert names(GOOD, lag_steps=500) == ["learner too slow"]


def test_the_episode_that_just_ended_makes_no_learner_fall_behind() -> None:
    coach = Coach(RATE_HZ, 250, ARM)
    watch(coach, GOOD)
    assert coach.diagnoses(0.5, lag_steps=250 + 3) == []
    assert [found.name for found in coach.diagnoses(0.5, lag_steps=501)] == ["learner too slow"]


@pytest.mark.parametrize("arm", [0.3, -1.0])
def test_a_gripper_is_always_at_its_limit_and_an_arm_is_not(arm: float) -> None:
    coach = Coach(RATE_HZ, MAX_STEPS, ActionLayout((TWIST_ALONE, GRIPPER)))
    for _ in range(10):
        watch(coach, Attempt(success=True, action=arm, grippers=(-1.0,)))
    named = [found.name for found in coach.diagnoses(0.5)]
    assert named == (["actions saturated"] if arm == -1.0 else [])


@pytest.mark.parametrize("attempts", [[GOOD] * 20, [BAD, HELPED] * 10, [GOOD, BAD] * 10, [BAD] * 9])
def test_nothing_is_wrong_with_a_run_that_makes_its_way(attempts: list[Attempt]) -> None:
    assert names(*attempts) == []


def test_a_change_of_light_is_the_suspect_when_success_falls() -> None:
    coach = Coach(RATE_HZ, MAX_STEPS, ARM)
    for attempt in [*[GOOD] * 20, *[replace(HELPED, light=60), replace(BAD, light=60)] * 10]:
        watch(coach, attempt)
    (found,) = coach.diagnoses(0.5)
    assert "→ 60" in found.what
    assert "light" in found.remedy


def test_where_nothing_has_moved_the_best_policy_is_the_way_back() -> None:
    coach = Coach(RATE_HZ, MAX_STEPS, ARM)
    for attempt in TROUBLES["success falling"]:
        watch(coach, attempt)
    (found,) = coach.diagnoses(0.5)
    assert "moved?" in found.remedy
    assert "where a trial has kept a best policy, hilctl train --rollback best" in found.remedy


def test_larger_steps_are_explained_to_those_who_have_no_arm() -> None:
    coach = Coach(RATE_HZ, MAX_STEPS, ARM)
    for attempt in TROUBLES["actions saturated"]:
        watch(coach, attempt)
    (found,) = coach.diagnoses(0.5)
    assert "an arm's control.translation_m" in found.remedy
    assert "environment" in found.remedy


def test_a_trouble_that_is_over_is_not_named_any_more() -> None:
    assert names(*[BAD] * 15, *[GOOD] * 20) == []


def test_rescued_failures_do_not_hide_a_fall_of_success() -> None:
    assert names(*[GOOD] * 20, *[HELPED, HELPED, HELPED, GOOD, GOOD] * 4) == ["success falling"]


def test_help_in_every_attempt_is_no_fall_of_success() -> None:
    assert names(*[GOOD] * 20, *[HELPED] * 20) == []


def test_aborted_episodes_say_nothing() -> None:
    coach = Coach(RATE_HZ, MAX_STEPS, ARM)
    for _ in range(15):
        watch(coach, BAD)
        coach.on_episode_start()
        coach.on_episode_end(replace(summary_of(GOOD), outcome=Outcome.ABORTED))
    assert [found.name for found in coach.diagnoses(None)] == ["no takeovers and no success"]


@given(st.lists(st.booleans(), max_size=60))
def test_stretches_are_the_runs_of_true(flags: list[bool]) -> None:
    rebuilt = [False] * len(flags)
    for start, length in stretches(flags):
        assert length > 0
        assert start == 0 or not flags[start - 1]
        rebuilt[start : start + length] = [True] * length
    assert rebuilt == flags


@pytest.mark.parametrize("trouble", ["reward never fires", "reward fires on failures"])
def test_labels_are_advised_only_where_a_reward_learns_from_them(trouble: str) -> None:
    def remedies(labels_teach: bool) -> dict[str, str]:
        coach = Coach(RATE_HZ, MAX_STEPS, ARM, labels_teach=labels_teach)
        for attempt in TROUBLES[trouble]:
            watch(coach, attempt)
        return {found.name: found.remedy for found in coach.diagnoses(0.5)}

    assert "hilctl record-labels" in remedies(labels_teach=True)[trouble]
    otherwise = remedies(labels_teach=False)[trouble]
    assert "task.yaml" in otherwise
    assert "label" not in otherwise
    assert "classifier" not in otherwise
