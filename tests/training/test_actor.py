"""When training stops, what is passed on to the learner, and what is taken from it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from made_up_episodes import perception, steps_of, summary

from hilctl.data.step import EpisodeSummary, Outcome
from hilctl.errors import SafetyStopError
from hilctl.training.actor import GREEDY_EPISODES, PAUSE_AFTER_GREEDY, Actor, EpisodeBuffer
from hilctl.training.link import (
    CORRECTING_FRAMES,
    FinishedEpisode,
    Health,
    PolicyUpdate,
    RewardUpdate,
)
from hilctl.training.metrics import Progress

SUCCESS, FAILURE = summary(), summary(Outcome.FAILURE)
SEEN = perception()


class World:
    """Stand in for loop, policy and learner; episodes end as `outcome` says."""

    def __init__(self, outcome: Callable[[int, bool], EpisodeSummary]) -> None:
        self._outcome = outcome
        self.greedy = False  # the actor sets it on the policy, which this is too
        self.agent: Any = "first"
        self.buffer = EpisodeBuffer()
        self.was_greedy: list[bool] = []
        self.acted_by: list[Any] = []
        self.sent: list[FinishedEpisode] = []
        self.newer: PolicyUpdate | None = None
        self.newer_reward: RewardUpdate | None = None
        self.comes_before: dict[int, PolicyUpdate] = {}
        self.stopped = False

    def run_episode(self) -> EpisodeSummary:
        ended = self._outcome(len(self.was_greedy), self.greedy)
        self.was_greedy.append(self.greedy)
        self.acted_by.append(self.agent)
        self.buffer.on_episode_start()
        for step in steps_of(intervened=[False] * 4, success=ended.success):
            self.buffer.on_step(step)
        return ended

    def stop(self) -> bool:
        return self.stopped

    def send(self, episode: FinishedEpisode) -> None:
        self.sent.append(episode)

    def latest_policy(self) -> PolicyUpdate | None:
        newer, self.newer = self.newer, None
        return self.comes_before.get(len(self.was_greedy), newer)

    def latest_reward(self) -> RewardUpdate | None:
        newer, self.newer_reward = self.newer_reward, None
        return newer

    def health(self) -> Health:
        return Health(connected=True, updates=len(self.sent), lag_steps=7)

    def actor(self, **settings: Any) -> Actor:
        me: Any = self
        plain = {
            "loop": me,
            "buffer": self.buffer,
            "policy": me,
            "reward": None,
            "perception": SEEN,
            "link": me,
            "progress": Progress(),
            "number": 0,
            "target": 0.95,
            "max_robot_s": 1e9,
            "clock_s": lambda: float(len(self.was_greedy)),
            "on_episode": lambda ended: None,
        }
        return Actor(**plain | settings)


def test_it_stops_after_20_good_sampled_and_30_good_greedy_episodes() -> None:
    world = World(lambda index, greedy: SUCCESS)
    assert world.actor().run() is True
    assert world.was_greedy == [False] * 20 + [True] * GREEDY_EPISODES
    assert world.greedy is False


def test_greedy_success_is_tried_when_sampled_success_comes_near_the_target() -> None:
    three_fail = World(lambda index, greedy: FAILURE if index in (3, 8, 15) else SUCCESS)
    assert three_fail.actor().run() is True
    assert three_fail.was_greedy == [False] * 20 + [True] * GREEDY_EPISODES
    four_fail = World(lambda index, greedy: FAILURE if index in (3, 8, 12, 15) else SUCCESS)
    assert four_fail.actor().run() is True
    assert four_fail.was_greedy == [False] * 24 + [True] * GREEDY_EPISODES


def test_at_95_percent_no_greedy_failure_in_30_is_allowed() -> None:
    world = World(lambda index, greedy: FAILURE if index == 25 else SUCCESS)
    assert world.actor().run() is True
    assert world.was_greedy[:26] == [False] * 20 + [True] * 6
    assert world.was_greedy[26 : 26 + PAUSE_AFTER_GREEDY] == [False] * PAUSE_AFTER_GREEDY
    assert world.was_greedy[-GREEDY_EPISODES:] == [True] * GREEDY_EPISODES


def test_at_90_percent_two_greedy_failures_in_30_are_allowed_three_are_not() -> None:
    two = World(lambda index, greedy: FAILURE if index in (25, 27) else SUCCESS)
    assert two.actor(target=0.9).run() is True
    assert len(two.was_greedy) == 20 + GREEDY_EPISODES
    three = World(lambda index, greedy: FAILURE if index in (25, 27, 29) else SUCCESS)
    assert three.actor(target=0.9).run() is True
    assert three.was_greedy[:30] == [False] * 20 + [True] * 10
    assert len(three.was_greedy) > 20 + GREEDY_EPISODES


def test_a_policy_that_comes_in_the_middle_of_a_trial_is_tried_from_the_start() -> None:
    world = World(lambda index, greedy: SUCCESS)
    world.comes_before = {30: PolicyUpdate(7, "second"), 40: PolicyUpdate(7, "second")}  # type: ignore[arg-type]
    assert world.actor().run() is True
    assert world.was_greedy == [False] * 20 + [True] * (10 + GREEDY_EPISODES)
    assert world.acted_by[30:] == ["second"] * GREEDY_EPISODES


def test_the_learner_is_told_which_episodes_are_on_trial() -> None:
    world = World(lambda index, greedy: FAILURE if index == 22 else SUCCESS)
    assert world.actor().run() is True
    assert [episode.on_trial for episode in world.sent] == world.was_greedy


def test_a_greedy_policy_that_sticks_keeps_training_going() -> None:
    world = World(lambda index, greedy: FAILURE if greedy else SUCCESS)
    assert world.actor(max_robot_s=200).run() is False
    assert len(world.was_greedy) == 200
    assert not world.greedy


def test_a_helped_greedy_success_is_none() -> None:
    helped = summary(intervention_steps=3)
    world = World(lambda index, greedy: helped if greedy else SUCCESS)
    assert world.actor(max_robot_s=100).run() is False


def test_a_greedy_success_that_the_classifier_missed_is_one() -> None:
    claimed = summary(claimed=True)
    world = World(lambda index, greedy: claimed if index == 25 else SUCCESS)
    assert world.actor().run() is True
    assert len(world.was_greedy) == 20 + GREEDY_EPISODES


@pytest.mark.parametrize("limit", [{"max_robot_s": 7}, {"max_steps": 70}])
def test_time_and_steps_end_it(limit: dict[str, int]) -> None:
    world = World(lambda index, greedy: FAILURE)
    assert world.actor(**limit).run() is False
    assert len(world.was_greedy) == 7


def test_being_stopped_ends_it_after_the_episode() -> None:
    world = World(lambda index, greedy: FAILURE)
    world.actor(on_episode=lambda ended: setattr(world, "stopped", True)).run()
    assert len(world.was_greedy) == 1


def test_episodes_are_passed_on_in_order_with_what_the_learner_needs() -> None:
    ended = [FAILURE, summary(Outcome.FAILURE, vetoed=True), summary(claimed=True)]
    world = World(lambda index, greedy: ended[index])
    world.actor(max_robot_s=3, number=40).run()
    assert [episode.number for episode in world.sent] == [41, 42, 43]
    assert [episode.summary for episode in world.sent] == ended
    assert all(len(episode.trajectory) == 4 for episode in world.sent)
    plain, vetoed, claimed = (episode.correction for episode in world.sent)
    assert plain is None
    for correction in (vetoed, claimed):
        assert correction is not None
        assert {len(frames) for frames in correction.values()} == {CORRECTING_FRAMES}


def test_an_episode_thrown_away_is_not_passed_on() -> None:
    discarded = summary(Outcome.ABORTED, discarded=True, vetoed=True)
    world = World(lambda index, greedy: discarded)
    world.actor(max_robot_s=5).run()
    assert world.sent == []


@pytest.mark.parametrize("with_policy", [True, False])
def test_newer_policies_and_rewards_are_taken_between_episodes_each_by_itself(
    with_policy: bool,
) -> None:
    world = World(lambda index, greedy: FAILURE)
    reward: Any = SimpleNamespace(model="old", version=3)
    agent: Any = "second"
    judge: Any = "new"
    progress = Progress()
    versions = []

    def learn(ended: EpisodeSummary) -> None:
        versions.append(progress.reward_version)
        if len(world.acted_by) == 2:
            world.newer = PolicyUpdate(10, agent) if with_policy else None
            world.newer_reward = RewardUpdate(4, judge)

    world.actor(max_robot_s=4, reward=reward, progress=progress, on_episode=learn).run()
    assert world.acted_by == ["first", "first"] + 2 * (["second"] if with_policy else ["first"])
    assert (reward.model, reward.version) == ("new", 4)
    assert versions == [3, 3, 4, 4]


def test_progress_knows_how_the_learner_is() -> None:
    world = World(lambda index, greedy: FAILURE)
    progress = Progress()
    world.actor(max_robot_s=3, progress=progress).run()
    assert (progress.updates, progress.lag_steps) == (3, 7)


class Faltering(World):
    """A loop whose policy gives actions that are no numbers while `breaks` says so."""

    def __init__(self, breaks: Callable[[Any], bool]) -> None:
        super().__init__(lambda index, greedy: FAILURE)
        self._breaks = breaks

    def run_episode(self) -> EpisodeSummary:
        if self._breaks(self.agent):
            raise SafetyStopError("an action is not a number")
        return super().run_episode()


def test_an_older_policy_takes_over_from_a_broken_one() -> None:
    world = Faltering(lambda agent: agent == "broken")
    broken: Any = "broken"
    progress = Progress()

    def learn(ended: EpisodeSummary) -> None:
        if len(world.acted_by) == 2:
            world.newer = PolicyUpdate(10, broken)

    world.actor(max_robot_s=4, falls_back=True, progress=progress, on_episode=learn).run()
    assert world.acted_by == ["first"] * 4
    assert progress.safety_stops == 1


def test_who_falls_back_acts_by_the_older_version_and_says_so() -> None:
    world = Faltering(lambda agent: agent == "broken")
    broken: Any = "broken"
    ages = []

    def learn(ended: EpisodeSummary) -> None:
        ages.append(progress.policy_age)
        if len(world.acted_by) == 1:
            world.newer = PolicyUpdate(40, broken)

    progress = Progress()
    world.actor(max_robot_s=2, falls_back=True, progress=progress, on_episode=learn).run()
    assert progress.safety_stops == 1
    assert ages == [1, 2]  # behind a learner that has made as many updates as there were episodes


def test_with_nothing_to_fall_back_to_the_robot_stays_stopped() -> None:
    for world, falls_back in [(Faltering(lambda agent: True), True), (Faltering(bool), False)]:
        with pytest.raises(SafetyStopError):
            world.actor(falls_back=falls_back).run()
