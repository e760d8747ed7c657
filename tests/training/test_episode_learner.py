"""What becomes of finished episodes."""

from __future__ import annotations

from typing import Any

import pytest
from made_up_episodes import perception, steps_of, summary

from hilctl.data.step import EpisodeSummary, Outcome
from hilctl.errors import DataError
from hilctl.training.episode_learner import WARM_UP_STEPS, EpisodeLearner
from hilctl.training.link import (
    CORRECTING_FRAMES,
    FinishedEpisode,
    RewardUpdate,
    finished_episode,
)

SEEN = perception()


class Pupil:
    """Stand in for learner and classifier, and note what they are told."""

    def __init__(self) -> None:
        self.owed: list[int] = []
        self.deferred: list[int] = []
        self.trajectories = 0
        self.chunks = 0
        self.sources: set[str] = set()
        self.corrections: list[tuple[int, bool, str]] = []
        self.version, self.model = 1, "first"
        self.online, self.demos, self.faults = [0] * 30, [0] * 20, 0
        self.updates, self.lag_steps, self.agent = 5, 2, "agent"
        self.metrics: dict[str, float] = {"q": 0.5}

    def add_rollout(self, trajectory: Any, *, born: int | None = None) -> None:
        self.trajectories += 1

    def owe(self, steps: int) -> None:
        self.owed.append(steps)

    def defer(self, steps: int) -> None:
        self.deferred.append(steps)

    def learn_owed(self) -> None:
        self.chunks += 1

    def add(self, features: Any, *, success: bool, reason: str, source: str) -> None:
        self.sources.add(source)
        self.corrections.append((len(features["wrist"]), success, reason))

    def refit(self) -> None:
        self.version = 1 + len(self.sources)
        self.model = "newer" if self.version > 1 else "first"


def episode(number: int, ended: EpisodeSummary, *, trial: int = 0) -> FinishedEpisode:
    steps = steps_of(intervened=[False] * 4, success=ended.success)
    return finished_episode(number, steps, ended, SEEN, trial=trial, policy_updates=5)


def episode_learner(pupil: Any, *, corrects: bool = True) -> EpisodeLearner:
    return EpisodeLearner(pupil, pupil if corrects else None, "run")


def test_every_episode_is_learnt_from_after_a_warm_up() -> None:
    pupil = Pupil()
    taking = episode_learner(pupil)
    for number in range(1, 51):
        taking.take(episode(number, summary(Outcome.FAILURE)))
    assert pupil.trajectories == taking.taken == 50
    warm_up = WARM_UP_STEPS // 10  # each has ten steps
    assert pupil.owed == [10] * (50 - warm_up + 1)


def test_episodes_of_a_trial_are_kept_and_learnt_from_later() -> None:
    pupil = Pupil()
    taking = episode_learner(pupil)
    for number in range(1, 31):
        taking.take(episode(number, summary(), trial=int(number > 25)))
    assert pupil.trajectories == 30
    assert pupil.deferred == [10] * 5
    assert len(pupil.owed) == 25 - WARM_UP_STEPS // 10 + 1
    assert taking.progress.trial_record == (5, 0)
    assert taking.acted == 5


def test_vetoes_and_claims_correct_the_classifier_at_once() -> None:
    pupil = Pupil()
    taking = episode_learner(pupil)
    for number, ended in enumerate(
        [summary(Outcome.FAILURE), summary(Outcome.FAILURE, vetoed=True), summary(claimed=True)], 1
    ):
        taking.take(episode(number, ended))
    assert pupil.corrections == [
        (CORRECTING_FRAMES, False, "veto in episode 2"),
        (CORRECTING_FRAMES, True, "claim in episode 3"),
    ]


def test_a_correction_makes_a_newer_reward() -> None:
    pupil = Pupil()
    taking = episode_learner(pupil)
    assert taking.reward() == RewardUpdate(1, "first")  # type: ignore[arg-type]
    taking.take(episode(1, summary(claimed=True)))
    assert taking.reward() == RewardUpdate(2, "newer")  # type: ignore[arg-type]


def test_no_newer_reward_is_stored_when_the_folder_has_been_moved() -> None:
    pupil = Pupil()

    def moved() -> None:
        raise DataError("the folder has been moved")

    taking = EpisodeLearner(pupil, pupil, "run", check_home=moved)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="moved"):
        taking.take(episode(1, summary(claimed=True)))
    assert pupil.version == 1


def test_a_reward_that_cannot_learn_is_left_alone() -> None:
    pupil = Pupil()
    taking = episode_learner(pupil, corrects=False)
    taking.take(episode(1, summary(claimed=True)))
    assert pupil.corrections == []
    assert taking.reward() is None


def test_what_is_read_again_corrects_too_and_owes_what_was_not_learnt() -> None:
    pupil = Pupil()
    taking = episode_learner(pupil)
    for number in range(1, 31):
        ended = summary(Outcome.FAILURE, vetoed=number == 7)
        taking.recall(episode(number, ended), learnt_steps=280, born=0)
    assert (taking.taken, taking.progress.robot_steps) == (30, 300)
    assert pupil.owed == [10, 10]
    assert pupil.corrections == [(CORRECTING_FRAMES, False, "veto in episode 7")]
    assert pupil.version == 1
    taking.settle()
    assert pupil.version == 2
