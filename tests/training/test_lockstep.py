"""When training stops, what is learnt from, and when the classifier is corrected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from made_up_episodes import perception, steps_of, summary

from hilctl.data.step import EpisodeSummary, Outcome
from hilctl.training.lockstep import (
    CLAIMED_FRAMES,
    PAUSE_AFTER_GREEDY,
    WARM_UP_STEPS,
    EpisodeBuffer,
    LockstepTrainer,
)
from hilctl.training.metrics import Progress

SUCCESS, FAILURE = summary(), summary(Outcome.FAILURE)
SEEN = perception()


class World:
    """Stand in for loop, policy, learner and classifier; episodes end as `outcome` says."""

    def __init__(self, outcome: Callable[[int, bool], EpisodeSummary]) -> None:
        self._outcome = outcome
        self.greedy = False  # the trainer sets it on the policy, which this is too
        self.buffer = EpisodeBuffer()
        self.was_greedy: list[bool] = []
        self.learnt: list[int] = []
        self.trajectories = 0
        self.updates, self.metrics = 0, {}
        self.corrections: list[tuple[int, bool, str]] = []
        self.refits = 0
        self.stopped = False

    def run_episode(self) -> EpisodeSummary:
        ended = self._outcome(len(self.was_greedy), self.greedy)
        self.was_greedy.append(self.greedy)
        self.buffer.on_episode_start()
        for step in steps_of(intervened=[False] * 4, success=ended.success):
            self.buffer.on_step(step)
        return ended

    def stop(self) -> bool:
        return self.stopped

    def add_rollout(self, trajectory: Any) -> None:
        self.trajectories += 1

    def learn(self, steps: int) -> None:
        self.learnt.append(steps)

    def add(self, features: Any, *, success: bool, reason: str) -> None:
        self.corrections.append((len(features["wrist"]), success, reason))

    def refit(self) -> None:
        self.refits += 1

    def trainer(self, **settings: Any) -> LockstepTrainer:
        me: Any = self
        plain = {
            "loop": me,
            "buffer": self.buffer,
            "policy": me,
            "perception": SEEN,
            "learner": me,
            "classifier": me,
            "progress": Progress(),
            "target": 0.95,
            "max_robot_s": 1e9,
            "clock_s": lambda: float(len(self.was_greedy)),
            "on_episode": lambda ended: None,
        }
        return LockstepTrainer(**plain | settings)


def test_it_stops_after_20_good_sampled_and_20_good_greedy_episodes() -> None:
    world = World(lambda index, greedy: SUCCESS)
    assert world.trainer().run() is True
    assert world.was_greedy == [False] * 20 + [True] * 20
    assert world.greedy is False


def test_at_95_percent_no_greedy_failure_in_20_is_allowed() -> None:
    world = World(lambda index, greedy: FAILURE if index == 25 else SUCCESS)
    assert world.trainer().run() is True
    assert world.was_greedy[:26] == [False] * 20 + [True] * 6
    assert world.was_greedy[26 : 26 + PAUSE_AFTER_GREEDY] == [False] * PAUSE_AFTER_GREEDY
    assert world.was_greedy[-20:] == [True] * 20


def test_at_90_percent_one_greedy_failure_in_20_is_allowed_two_are_not() -> None:
    one = World(lambda index, greedy: FAILURE if index == 25 else SUCCESS)
    assert one.trainer(target=0.9).run() is True
    assert len(one.was_greedy) == 40
    two = World(lambda index, greedy: FAILURE if index in (25, 27) else SUCCESS)
    assert two.trainer(target=0.9).run() is True
    assert two.was_greedy[:28] == [False] * 20 + [True] * 8
    assert len(two.was_greedy) > 40


def test_a_greedy_policy_that_sticks_keeps_training_going() -> None:
    world = World(lambda index, greedy: FAILURE if greedy else SUCCESS)
    assert world.trainer(max_robot_s=200).run() is False
    assert len(world.was_greedy) == 200
    assert not world.greedy


def test_a_helped_greedy_success_is_none() -> None:
    helped = summary(intervention_steps=3)
    world = World(lambda index, greedy: helped if greedy else SUCCESS)
    assert world.trainer(max_robot_s=100).run() is False


@pytest.mark.parametrize("limit", [{"max_robot_s": 7}, {"max_steps": 70}])
def test_time_and_steps_end_it(limit: dict[str, int]) -> None:
    world = World(lambda index, greedy: FAILURE)
    assert world.trainer(**limit).run() is False
    assert len(world.was_greedy) == 7


def test_being_stopped_ends_it_after_the_episode() -> None:
    world = World(lambda index, greedy: FAILURE)
    world.trainer(on_episode=lambda ended: setattr(world, "stopped", True)).run()
    assert len(world.was_greedy) == 1


def test_every_episode_is_learnt_from_after_a_warm_up() -> None:
    world = World(lambda index, greedy: FAILURE)
    world.trainer(max_robot_s=50).run()
    assert world.trajectories == 50
    warm_up = WARM_UP_STEPS // 10  # each has ten steps
    assert world.learnt == [10] * (50 - warm_up + 1)


def test_an_episode_thrown_away_is_not_learnt_from() -> None:
    discarded = summary(Outcome.ABORTED, discarded=True, vetoed=True)
    world = World(lambda index, greedy: discarded)
    world.trainer(max_robot_s=5).run()
    assert world.trajectories == 0
    assert world.corrections == []


def test_vetoes_and_claims_correct_the_classifier_at_once() -> None:
    ended = [FAILURE, summary(Outcome.FAILURE, vetoed=True), summary(claimed=True)]
    world = World(lambda index, greedy: ended[index])
    world.trainer(max_robot_s=3).run()
    assert world.corrections == [
        (CLAIMED_FRAMES, False, "veto in episode 2"),
        (CLAIMED_FRAMES, True, "claim in episode 3"),
    ]
    assert world.refits == 2


def test_a_reward_that_cannot_learn_is_left_alone() -> None:
    world = World(lambda index, greedy: summary(claimed=True))
    world.trainer(max_robot_s=3, classifier=None).run()
    assert world.corrections == []
