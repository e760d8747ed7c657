"""Lockstep: what two processes send each other, in one thread."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import numpy as np
from made_up_episodes import GRID, perception, steps_of, summary

from hilctl.agents.options import RLPDOptions
from hilctl.agents.rlpd import RLPD
from hilctl.data.step import Outcome
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
        self.taken = self.owed = 0
        self.version = 4

    def take(self, episode: Any) -> None:
        self.taken = episode.number
        self.owed += 1
        if episode.summary.vetoed:
            self.version += 1
            self.model = replace(self.model, threshold=0.1 * self.version)

    def learn_owed(self) -> None:
        """Learn as the agents do: their arrays are given away."""
        jax.tree.map(lambda array: array.delete(), self.agent.acting())
        self.agent, self.owed = agent(self.taken), 0

    def policy(self) -> PolicyUpdate:
        return PolicyUpdate(10 * self.taken, self.agent)

    def reward(self) -> RewardUpdate:
        return RewardUpdate(self.version, self.model)

    def health(self) -> Health:
        return Health(connected=True, episodes=self.taken)


def test_all_is_learnt_and_announced_before_the_next_episode() -> None:
    pupil: Any = Pupil()
    told: list[str] = []
    link = LockstepLink(pupil, told.append)
    first, reward = link.latest_policy(), link.latest_reward()
    assert first is not None
    assert reward is not None
    assert (first.updates, reward.version) == (0, 4)
    for number in (1, 2, 3):
        ended = summary(Outcome.FAILURE, vetoed=number == 2)
        link.send(finished_episode(number, steps_of(intervened=[False] * 4), ended, SEEN))
        assert pupil.owed == 0
        assert link.health().episodes == number
        newer, reward = link.latest_policy(), link.latest_reward()
        assert newer is not None
        assert newer.updates == 10 * number
        np.testing.assert_array_equal(
            newer.agent.act(SEEN.example(GRID), jax.random.key(0), greedy=True),
            agent(number).act(SEEN.example(GRID), jax.random.key(0), greedy=True),
        )
        assert (reward is not None) is (number == 2)
        if reward is not None:
            assert (reward.version, reward.model.threshold) == (5, 0.5)
        assert link.latest_policy() is None
    assert told == []
