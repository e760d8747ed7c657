"""Episodes of a fixed length: nothing ends them early, and one reward comes at their end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from bench_stand import Diary, Hand, Pushes, Stand, open_stand

from hilctl.data.step import EpisodeSummary, Outcome
from hilctl.env.loop import EpisodeLoop
from hilctl.task.spec import TaskSpec
from hilctl.teleop.base import Role, TeleopEvent, TeleopInput

SUCCESS, VETO = TeleopInput(events=(TeleopEvent.SUCCESS,)), TeleopInput(events=(TeleopEvent.VETO,))
FAILURE = TeleopInput(events=(TeleopEvent.FAILURE,))
NOTHING = TeleopInput()
STEPS = 5


@pytest.fixture(params=["end", "during"])
def counts(request: pytest.FixtureRequest) -> Literal["end", "during"]:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def fixed(spec: TaskSpec, counts: str) -> Iterator[Stand]:
    control = spec.control.model_copy(update={"max_episode_s": 0.5, "fixed_length": counts})
    with open_stand(spec.model_copy(update={"control": control, "cameras": {}})) as opened:
        yield opened


def run(stand: Stand, fires_at: int | None, hand: Hand) -> tuple[Diary, EpisodeSummary]:
    diary = Diary()
    env = stand.wrapped(hand, fires_at)
    summary = EpisodeLoop(env, Pushes(), hand, Role.SUPERVISE, [diary]).run_episode()
    return diary, summary


def rewards(diary: Diary) -> list[float]:
    return [step.reward for step in diary.steps]


def test_a_success_at_the_end_counts_and_is_rewarded_once(fixed: Stand) -> None:
    diary, summary = run(fixed, STEPS, Hand())
    assert rewards(diary) == [0, 0, 0, 0, 1]
    assert diary.steps[-1].terminated
    assert not diary.steps[-1].truncated
    assert summary.judged_success


def test_a_success_that_does_not_last_counts_only_where_any_does(fixed: Stand, counts: str) -> None:
    diary, summary = run(fixed, 2, Hand())
    assert [step.terminated for step in diary.steps[:-1]] == [False] * (STEPS - 1)
    assert summary.steps == STEPS
    assert rewards(diary) == [0, 0, 0, 0, float(counts == "during")]
    assert diary.steps[-1].truncated == (counts == "end")


def test_a_claim_counts_as_the_rewards_word_does(fixed: Stand, counts: str) -> None:
    _, early = run(fixed, None, Hand([NOTHING, SUCCESS]))
    assert early.steps == STEPS
    assert early.success == early.claimed == (counts == "during")
    _, late = run(fixed, None, Hand([NOTHING] * 4 + [SUCCESS]))
    assert late.outcome is Outcome.SUCCESS
    assert late.claimed


def test_a_veto_takes_the_success_away(fixed: Stand) -> None:
    diary, summary = run(fixed, STEPS, Hand([NOTHING, VETO]))
    assert summary.outcome is Outcome.FAILURE
    assert summary.vetoed
    assert rewards(diary) == [0] * STEPS


def test_a_failure_ends_the_episode_all_the_same(fixed: Stand) -> None:
    _, summary = run(fixed, 1, Hand([NOTHING, FAILURE]))
    assert summary.steps == 2
    assert summary.outcome is Outcome.FAILURE


def test_the_next_episode_begins_anew(fixed: Stand) -> None:
    assert run(fixed, STEPS, Hand())[1].success
    assert not run(fixed, None, Hand(verdict=None))[1].success
