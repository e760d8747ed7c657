"""The later learning rate: once, at the success asked for, and the same after a restart."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_episodes import perception, steps_of, summary

from hilctl.agents.options import BCOptions, RLPDOptions
from hilctl.agents.rlpd import RLPD
from hilctl.data.step import Outcome
from hilctl.task.layout import ActionLayout
from hilctl.training.episode_learner import EpisodeLearner
from hilctl.training.late_rate import LateRate
from hilctl.training.link import finished_episode
from hilctl.training.metrics import WINDOW, Progress

OPTIONS = RLPDOptions(late_learning_rate=3e-5)


def begins_at(successes: list[bool]) -> list[int]:
    """Return after which of some episodes the later rate begins."""
    late, progress = LateRate.of(OPTIONS), Progress()
    assert late is not None
    begun = []
    for number, success in enumerate(successes, 1):
        progress.count(summary(Outcome.SUCCESS if success else Outcome.FAILURE))
        if late.begins_with(progress):
            begun.append(number)
    return begun


def test_it_begins_once_when_enough_of_the_last_episodes_succeed() -> None:
    assert begins_at([True] * (WINDOW - 1)) == []
    assert begins_at([True] * 60) == [WINDOW]
    assert begins_at([False] * 20 + [True] * 60) == [20 + 14]  # 14 of 20 are 70 %
    assert begins_at([True] * 20 + [False] * 30 + [True] * 40) == [20]


@given(st.lists(st.booleans(), max_size=80))
def test_it_follows_from_the_episodes_alone(successes: list[bool]) -> None:
    begun = begins_at(successes)
    assert begun == begins_at(successes)
    assert len(begun) <= 1
    if begun:
        assert sum(successes[begun[0] - WINDOW : begun[0]]) >= 0.7 * WINDOW


def test_only_who_asks_for_it_has_one() -> None:
    assert LateRate.of(RLPDOptions()) is None
    assert LateRate.of(BCOptions()) is None


def agent_at(rate: float) -> RLPD:
    observation = {"state": np.zeros(3, np.float32)}
    options = RLPDOptions(learning_rate=rate, batch=2, critics=1, critic_width=8)
    return RLPD.create(jax.random.key(0), observation, ActionLayout.one_arm(), options)


def test_an_agent_at_another_rate_is_the_same_but_for_that() -> None:
    slowed = agent_at(3e-4).with_learning_rate(3e-5)
    assert slowed.options.learning_rate == pytest.approx(3e-5)
    for ours, theirs in zip(jax.tree.leaves(slowed), jax.tree.leaves(agent_at(3e-5)), strict=True):
        if not jax.dtypes.issubdtype(ours.dtype, jax.dtypes.prng_key):
            np.testing.assert_array_equal(ours, theirs)


class Rates:
    """Stand in for a learner, and note at which rates it is to learn after which episode."""

    online: tuple[()] = ()

    def __init__(self) -> None:
        self.trajectories = 0
        self.rates: dict[int, float] = {}

    def learn_at(self, rate: float) -> None:
        self.rates[self.trajectories + 1] = rate

    def add_rollout(self, trajectory: object, *, born: int | None = None) -> None:
        self.trajectories += 1

    def owe(self, steps: int) -> None: ...


def test_who_reads_a_run_again_comes_to_the_same_rate_at_the_same_episode() -> None:
    outcomes = [Outcome.FAILURE] * 15 + [Outcome.SUCCESS] * 20
    seen, rates = perception(), []
    for is_again in (False, True):
        learner = Rates()
        side = EpisodeLearner(learner, None, "run", LateRate.of(OPTIONS))  # type: ignore[arg-type]
        for number, outcome in enumerate(outcomes, 1):
            steps = steps_of(intervened=[False], success=outcome is Outcome.SUCCESS)
            one = finished_episode(number, steps, summary(outcome), seen, trial=0, policy_updates=5)
            side.recall(one, learnt_steps=0, born=0) if is_again else side.take(one)
        rates.append(learner.rates)
    assert rates == [{15 + 14: 3e-5}] * 2
