"""When training stops, what is passed on to the learner, and what is taken from it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from made_up_episodes import perception, steps_of, summary

from hilctl.data.step import EpisodeSummary, Outcome
from hilctl.errors import SafetyStopError
from hilctl.training.actor import Actor, EpisodeBuffer
from hilctl.training.link import (
    CORRECTING_FRAMES,
    FinishedEpisode,
    Health,
    PolicyUpdate,
    RewardUpdate,
)
from hilctl.training.metrics import Progress
from hilctl.training.trial import FREE, LOOK, PAUSE, Trials

SUCCESS, FAILURE = summary(), summary(Outcome.FAILURE)
SAMPLED, GREEDY = 11, 42  # successes in a row before a trial, and in the first one at 95 %
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
        self.settled: PolicyUpdate | None = None
        self.asked_ready = 0
        self.stopped = False
        self.begins: Callable[[], None] = lambda: None

    def ready(self) -> bool:
        self.asked_ready += 1
        return not self.stop()

    def run_episode(self) -> EpisodeSummary:
        self.begins()
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

    def settle(self, stop: Callable[[], bool]) -> None:
        assert not stop()
        self.newer = self.settled

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
            "trials": Trials(0.95),
            "max_robot_s": 1e9,
            "clock_s": lambda: float(len(self.was_greedy)),
            "on_episode": lambda ended: None,
        }
        return Actor(**plain | settings)


def test_it_stops_after_some_good_sampled_and_a_row_of_good_greedy_episodes() -> None:
    world = World(lambda index, greedy: SUCCESS)
    assert world.actor().run() is True
    assert world.was_greedy == [False] * SAMPLED + [True] * GREEDY
    assert world.greedy is False


def test_greedy_success_is_tried_when_sampled_success_comes_near_the_target() -> None:
    one_fails = World(lambda index, greedy: FAILURE if index == 3 else SUCCESS)
    assert one_fails.actor().run() is True
    assert one_fails.was_greedy == [False] * (SAMPLED + 1) + [True] * GREEDY
    two_fail = World(lambda index, greedy: FAILURE if index in (3, 8) else SUCCESS)
    assert two_fail.actor().run() is True
    assert two_fail.was_greedy == [False] * (4 + 12) + [True] * GREEDY


def test_a_wait_for_the_learner_is_told_and_is_not_the_robots_time() -> None:
    world, waits, told = World(lambda index, greedy: SUCCESS), [], []
    clock_s = lambda: len(world.was_greedy) + 60.0 * len(waits)  # noqa: E731

    def settle(stop: Callable[[], bool]) -> None:
        waits.append(stop())

    world.settle = settle  # type: ignore[method-assign]
    world.health = lambda: Health(connected=True, lag_steps=7, is_behind=True)  # type: ignore[method-assign]
    actor = world.actor(clock_s=clock_s, tell=told.append)
    assert actor.run() is True
    assert waits == [False]
    assert told == [
        "waiting for the learner, 7 steps behind, before a trial",
        "checking the greedy policy",
    ]
    assert actor.progress.robot_s == SAMPLED + GREEDY


def test_a_learner_that_is_not_behind_is_not_waited_for_in_words() -> None:
    world, told = World(lambda index, greedy: SUCCESS), []
    assert world.actor(tell=told.append).run() is True
    assert told == []


def test_help_while_learning_leaves_only_a_look_at_the_policy_now_and_then() -> None:
    helped = summary(intervention_steps=2)
    world = World(lambda index, greedy: helped if index % 4 == 0 else SUCCESS)
    assert world.actor(max_robot_s=200).run() is False
    assert [index for index, greedy in enumerate(world.was_greedy) if greedy][:3] == [20, 41, 42]


def test_a_policy_that_fails_with_noise_is_looked_at_now_and_then() -> None:
    world = World(lambda index, greedy: SUCCESS if greedy or index % 3 == 0 else FAILURE)
    assert world.actor().run() is True
    assert world.was_greedy == [False] * LOOK + [True] * GREEDY


def test_looking_at_a_policy_that_fails_costs_less_than_one_episode_in_ten() -> None:
    world = World(lambda index, greedy: SUCCESS if index % 3 == 0 else FAILURE)
    assert world.actor(max_robot_s=2000).run() is False
    assert 0 < sum(world.was_greedy) < len(world.was_greedy) / 10


def test_a_policy_that_never_succeeds_is_not_looked_at() -> None:
    world = World(lambda index, greedy: FAILURE)
    assert world.actor(max_robot_s=600).run() is False
    assert True not in world.was_greedy


def test_a_trial_that_fails_early_is_given_up_and_learning_goes_on_for_a_while() -> None:
    world = World(lambda index, greedy: FAILURE if index == SAMPLED + FREE else SUCCESS)
    assert world.actor().run() is True
    assert world.was_greedy[: SAMPLED + FREE + 1] == [False] * SAMPLED + [True] * (FREE + 1)
    after = world.was_greedy[SAMPLED + FREE + 1 :]
    assert after[: PAUSE + 1] == [False] * PAUSE + [True]
    assert after.count(True) > GREEDY, "a second trial needs more"


def test_one_failure_late_in_a_trial_does_not_end_it() -> None:
    world = World(lambda index, greedy: FAILURE if index == SAMPLED + 30 else SUCCESS)
    assert world.actor().run() is True
    assert False not in world.was_greedy[SAMPLED:]


def test_a_policy_that_comes_in_the_middle_of_a_trial_is_tried_from_the_start() -> None:
    world, trials = World(lambda index, greedy: SUCCESS), Trials(0.95)
    update = PolicyUpdate(7, "second")  # type: ignore[arg-type]
    world.comes_before = {SAMPLED + 10: update, SAMPLED + 20: update}
    assert world.actor(trials=trials).run() is True
    assert world.was_greedy == [False] * SAMPLED + [True] * (10 + GREEDY)
    assert world.acted_by[SAMPLED + 10 :] == ["second"] * GREEDY
    assert [episode.trial for episode in world.sent[SAMPLED:]] == [1] * 10 + [2] * GREEDY
    assert [episode.policy_updates for episode in world.sent[SAMPLED:]] == [0] * 10 + [7] * GREEDY


def test_a_trial_begins_with_what_all_earlier_episodes_have_taught() -> None:
    world = World(lambda index, greedy: SUCCESS)
    world.settled = PolicyUpdate(9, "newest")  # type: ignore[arg-type]
    assert world.actor().run() is True
    assert world.acted_by == ["first"] * SAMPLED + ["newest"] * GREEDY
    assert {episode.trial for episode in world.sent[SAMPLED:]} == {1}


def test_an_episode_thrown_away_neither_fails_nor_breaks_a_trial() -> None:
    discarded = summary(Outcome.ABORTED, discarded=True)
    world = World(lambda index, greedy: discarded if index in (SAMPLED, SAMPLED + 9) else SUCCESS)
    assert world.actor().run() is True
    assert world.was_greedy == [False] * SAMPLED + [True] * (GREEDY + 2)
    assert [episode.trial for episode in world.sent[SAMPLED:]] == [1] * GREEDY


def test_a_run_that_goes_on_needs_more_than_one_that_has_tried_nothing() -> None:
    failed = [True] * FREE + [False]
    tried = [(number, success) for number in (1, 2, 3) for success in failed]
    world = World(lambda index, greedy: SUCCESS)
    assert world.actor(trials=Trials.resumed(0.95, tried)).run() is True
    assert sum(world.was_greedy) > GREEDY
    assert {episode.trial for episode in world.sent} == {0, 4}


def test_an_episode_is_noted_with_its_trial_and_policy_when_it_begins() -> None:
    world, noted = World(lambda index, greedy: SUCCESS), []
    actor = world.actor()
    world.begins = lambda: noted.append(actor.notes)
    world.comes_before = {5: PolicyUpdate(30, "second")}  # type: ignore[arg-type]
    assert actor.run() is True
    assert [note["trial"] for note in noted] == [episode.trial for episode in world.sent]
    assert noted[4] == {"trial": 0, "policy_updates": 0}
    assert noted[SAMPLED] == {"trial": 1, "policy_updates": 30}


def test_the_learner_is_told_which_episodes_are_on_trial() -> None:
    world = World(lambda index, greedy: FAILURE if index == SAMPLED + 2 else SUCCESS)
    progress = Progress()
    assert world.actor(progress=progress).run() is True
    assert [episode.trial > 0 for episode in world.sent] == world.was_greedy
    assert progress.trial_episodes == sum(world.was_greedy)
    assert progress.trials == 2


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
    world = World(lambda index, greedy: claimed if index == SAMPLED + 5 else SUCCESS)
    assert world.actor().run() is True
    assert len(world.was_greedy) == SAMPLED + GREEDY


@pytest.mark.parametrize("limit", [{"max_robot_s": 7}, {"max_steps": 70}])
def test_time_and_steps_end_it(limit: dict[str, int]) -> None:
    world = World(lambda index, greedy: FAILURE)
    assert world.actor(**limit).run() is False
    assert len(world.was_greedy) == 7


def test_time_that_passes_between_episodes_ends_nothing_before_it_is_counted() -> None:
    world, progress, between_s = World(lambda index, greedy: FAILURE), Progress(), [0.0]

    def log(ended: EpisodeSummary) -> None:
        between_s[0] += 0.25

    world.actor(
        max_robot_s=3.6,
        progress=progress,
        clock_s=lambda: len(world.was_greedy) + between_s[0],
        on_episode=log,
    ).run()
    # the third ends after 3.5 s, and a pause later the limit is met, of which the log knows nothing
    assert (len(world.was_greedy), progress.robot_s) == (4, 4.75)


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
    progress, logged = Progress(), []
    actor = world.actor(max_robot_s=5, progress=progress, on_episode=logged.append)
    actor.run()
    assert world.sent == logged == []
    # as a run that goes on counts what is stored
    assert (progress.episodes, progress.robot_steps, progress.vetoes) == (0, 0, 0)
    assert (progress.robot_s, actor.has_quit) == (5, False)


@pytest.mark.parametrize("discarded", [False, True])
def test_who_wants_no_other_episode_gets_none(discarded: bool) -> None:
    ended = summary(Outcome.ABORTED, discarded=discarded, quit_requested=True)
    world = World(lambda index, greedy: ended)
    actor = world.actor()
    assert actor.run() is False
    assert (len(world.was_greedy), actor.has_quit) == (1, True)


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

    def __init__(self, breaks: Callable[[Any], bool], ended: EpisodeSummary = FAILURE) -> None:
        super().__init__(lambda index, greedy: ended)
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
    assert world.asked_ready == 4 + 1  # things may lie anywhere after a stop


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


def test_a_policy_that_breaks_on_trial_leaves_the_older_one_a_trial_of_its_own() -> None:
    world = Faltering(lambda agent: agent == "broken", SUCCESS)
    update = PolicyUpdate(7, "broken")  # type: ignore[arg-type]
    world.comes_before = {SAMPLED + 5: update}
    assert world.actor(falls_back=True).run() is True
    assert [episode.trial for episode in world.sent[SAMPLED:]] == [1] * 5 + [2] * GREEDY


def test_with_nothing_to_fall_back_to_the_robot_stays_stopped() -> None:
    for world, falls_back in [(Faltering(lambda agent: True), True), (Faltering(bool), False)]:
        with pytest.raises(SafetyStopError):
            world.actor(falls_back=falls_back).run()
