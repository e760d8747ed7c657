"""What becomes of finished episodes: reward corrected, buffers filled, updates owed."""

from __future__ import annotations

from collections.abc import Callable

from hilctl.rewards.base import RewardCorrector
from hilctl.training.late_rate import LateRate
from hilctl.training.learner import Learner
from hilctl.training.link import FinishedEpisode, Health, PolicyUpdate, RewardUpdate
from hilctl.training.metrics import Progress

WARM_UP_STEPS = 200


def is_warm(robot_steps: int) -> bool:
    """Return whether an episode that ends after so many steps in all entitles to updates."""
    return robot_steps >= WARM_UP_STEPS


def anywhere() -> None:
    """Let the reward be stored wherever its folder is."""


class EpisodeLearner:
    """Learn from episodes, in the order of their numbers, each once.

    Args:
        learner: agent and buffers.
        corrector: of the reward, for when the operator disagrees; None when it cannot learn.
        run: id of the run; with its number it names an episode wherever corrections are kept.
        late_rate: from when on it learns at another rate; None = it never does.
        check_home: called before the reward learns, which stores a new version of it; raises when
            the folder is no longer there, so that none is stored in another one in its place.

    Attributes:
        taken: number of the last episode.
        progress: the learning side's own count of what it took in.
        acted: critic updates behind the policy of that episode.
    """

    def __init__(
        self,
        learner: Learner,
        corrector: RewardCorrector | None,
        run: str,
        late_rate: LateRate | None = None,
        check_home: Callable[[], None] = anywhere,
    ) -> None:
        self.learner = learner
        self.progress = Progress()
        self.taken = self.acted = 0
        self._corrector = corrector
        self._run, self._late_rate = run, late_rate
        self._check_home = check_home

    def recall(self, episode: FinishedEpisode, *, learnt_steps: int, born: int) -> None:
        """Take in an episode of an earlier part of the run.

        Args:
            episode: the next one.
            learnt_steps: robot steps of the run whose updates have been made, or are owed already.
            born: critic updates that had been made when it came in.
        """
        self._take_in(episode, born=born)
        steps = self.progress.robot_steps
        if steps > learnt_steps and is_warm(steps):
            self.learner.owe(episode.summary.steps)

    def take(self, episode: FinishedEpisode) -> None:
        """Take in an episode; its updates are owed, from now on or after the trial it is of."""
        self._take_in(episode)
        self.settle()
        if episode.trial:
            self.learner.defer(episode.summary.steps)
        elif is_warm(self.progress.robot_steps):
            self.learner.owe(episode.summary.steps)

    def settle(self) -> None:
        """Let the reward learn from the corrections that it has been given."""
        if self._corrector is not None:
            self._check_home()
            self._corrector.refit()

    def policy(self) -> PolicyUpdate:
        """Return the newest policy."""
        return PolicyUpdate(self.learner.updates, self.learner.agent)

    def reward(self) -> RewardUpdate | None:
        """Return the newest reward, or None when it cannot learn."""
        if self._corrector is None:
            return None
        return RewardUpdate(self._corrector.version, self._corrector.model)

    def health(self) -> Health:
        """Return how it is going."""
        return Health(
            connected=True,
            updates=self.learner.updates,
            lag_steps=self.learner.lag_steps,
            is_behind=self.learner.is_behind,
            episodes=self.taken,
            online_steps=len(self.learner.online),
            demo_steps=len(self.learner.demos),
            faults=self.learner.faults,
            metrics=self.learner.metrics,
        )

    def _take_in(self, episode: FinishedEpisode, *, born: int | None = None) -> None:
        self.taken, self.acted = episode.number, episode.policy_updates
        self.progress.count(episode.summary, trial=episode.trial)
        if self._late_rate is not None and self._late_rate.begins_with(self.progress):
            self.learner.learn_at(self._late_rate.rate)
        self._correct(episode)
        self.learner.add_rollout(episode.trajectory, born=born)

    def _correct(self, episode: FinishedEpisode) -> None:
        if self._corrector is None or episode.correction is None:
            return
        what = "claim" if episode.summary.claimed else "veto"
        self._corrector.add(
            episode.correction,
            success=episode.summary.claimed,
            reason=f"{what} in episode {episode.number}",
            source=f"{self._run}/{episode.number}",
        )
