"""Lockstep: what two processes send each other, in one process."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest
from made_up_episodes import GRID, perception, steps_of, summary

from hilctl.agents.options import RLPDOptions
from hilctl.agents.rlpd import RLPD
from hilctl.data.step import Outcome
from hilctl.errors import DataError
from hilctl.rewards.model import Heads, SuccessModel
from hilctl.task.layout import ActionLayout
from hilctl.training.link import Health, PolicyUpdate, RewardUpdate, finished_episode
from hilctl.training.lockstep_link import LockstepLink

ACTIONS = ActionLayout.one_arm()
SEEN = perception()


def agent(seed: int) -> RLPD:
    return RLPD.create(jax.random.key(seed), SEEN.example(GRID), ACTIONS, RLPDOptions())


class Pupil:
    """Stand in for the learner; each episode brings another policy, a veto another reward."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        shapes = ((2, 6, 4), (2, 4), (2, 4), (2,))
        heads = Heads(*(rng.normal(size=shape).astype("f4") for shape in shapes))
        successes = rng.normal(size=(3, 6)).astype("f2")
        self.model = SuccessModel(SEEN.projections, heads, successes, 1.5, 0.7)
        self.learner: Any = self
        self.agent = agent(0)
        self.taken = self.owed = self.learnt = 0
        self.broken: Exception | None = None
        self.version = 4

    def take(self, episode: Any) -> None:
        self.taken = episode.number
        self.owed += 1
        if episode.summary.vetoed:
            self.version += 1
            self.model = replace(self.model, threshold=0.1 * self.version)

    def learn_owed(self) -> None:
        """Learn as the agents do: their arrays are given away."""
        if self.broken:
            raise self.broken
        jax.tree.map(lambda array: array.delete(), self.agent.acting())
        self.agent, self.learnt, self.owed = agent(self.taken), self.taken, 0

    def policy(self) -> PolicyUpdate:
        return PolicyUpdate(10 * self.learnt, self.agent)

    def reward(self) -> RewardUpdate:
        return RewardUpdate(self.version, self.model)

    def health(self) -> Health:
        return Health(connected=True, episodes=self.taken)


def run(link: LockstepLink, number: int, *, vetoed: bool = False) -> None:
    ended = summary(Outcome.FAILURE, vetoed=vetoed)
    link.send(finished_episode(number, steps_of(intervened=[False] * 4), ended, SEEN))


def test_an_episode_is_learnt_from_while_the_next_one_runs() -> None:
    pupil: Any = Pupil()
    told: list[str] = []
    with LockstepLink(pupil, told.append) as link:
        first = link.latest_policy()
        assert first is not None
        assert first.updates == 0
        for number in (1, 2, 3):
            run(link, number)
            assert link.health().episodes == number
            newer = link.latest_policy()
            assert (newer is None) is (number == 1)
            if newer is not None:
                assert newer.updates == 10 * (number - 1)
                np.testing.assert_array_equal(
                    newer.agent.act(SEEN.example(GRID), jax.random.key(0), greedy=True),
                    agent(number - 1).act(SEEN.example(GRID), jax.random.key(0), greedy=True),
                )
            assert link.latest_policy() is None
            link.wait()
            assert pupil.owed == 0
            assert link.latest_policy() is None  # it comes with the next episode, however fast
    assert told == []


def test_what_is_settled_has_learnt_from_the_last_episode_too() -> None:
    pupil: Any = Pupil()
    with LockstepLink(pupil, print) as link:
        for number in (1, 2):
            run(link, number)
        link.settle(lambda: False)
        newest = link.latest_policy()
        assert newest is not None
        assert newest.updates == 20


def test_a_corrected_reward_judges_the_very_next_episode() -> None:
    pupil: Any = Pupil()
    with LockstepLink(pupil, print) as link:
        first = link.latest_reward()
        assert first is not None
        assert first.version == 4
        for number in (1, 2, 3):
            run(link, number, vetoed=number == 2)
            reward = link.latest_reward()
            assert (reward is not None) is (number == 2)
            if reward is not None:
                assert (reward.version, reward.model.threshold) == (5, 0.5)


def test_all_that_is_owed_is_learnt_before_the_link_ends() -> None:
    pupil: Any = Pupil()
    with LockstepLink(pupil, print) as link:
        run(link, 1)
    assert (pupil.owed, pupil.learnt) == (0, 1)


def test_what_goes_wrong_in_learning_is_raised_where_it_acts() -> None:
    pupil: Any = Pupil()
    pupil.broken = DataError("losses that are no numbers")
    with LockstepLink(pupil, print) as link:
        run(link, 1)
        with pytest.raises(DataError, match="no numbers"):
            run(link, 2)


def test_what_goes_wrong_in_learning_from_the_last_episode_is_raised_at_the_end() -> None:
    pupil: Any = Pupil()
    pupil.broken = DataError("losses that are no numbers")
    with pytest.raises(DataError, match="no numbers"), LockstepLink(pupil, print) as link:
        run(link, 1)
