"""What becomes of finished episodes: classifier corrected, buffers filled, updates owed."""

from __future__ import annotations

from hilctl.rewards.online import OnlineClassifier
from hilctl.training.learner import Learner
from hilctl.training.link import FinishedEpisode, Health, PolicyUpdate
from hilctl.training.metrics import Progress

WARM_UP_STEPS = 200


def is_warm(robot_steps: int) -> bool:
    """Return whether an episode that ends after so many steps in all entitles to updates."""
    return robot_steps >= WARM_UP_STEPS


class Apprentice:
    """Learn from episodes, in the order of their numbers, each once.

    Args:
        learner: agent and buffers.
        classifier: corrected when the operator disagrees; None when the reward cannot learn.
        progress: the learning side's own count of what it took in.

    Attributes:
        taken: number of the last episode.
        acted: critic updates behind the policy of that episode.
    """

    def __init__(
        self, learner: Learner, classifier: OnlineClassifier | None, progress: Progress
    ) -> None:
        self.learner = learner
        self.progress = progress
        self.taken = progress.episodes
        self.acted = 0
        self._classifier = classifier
        self._judged_by = classifier.fitted.version if classifier else 0

    def take(self, episode: FinishedEpisode) -> None:
        """Take in an episode; its updates are owed, from now on or after the trial it is of."""
        self.taken, self.acted = episode.number, episode.policy_updates
        self.progress.count(episode.summary, trial=episode.trial)
        self._correct(episode)
        self.learner.add_rollout(episode.trajectory)
        if episode.trial:
            self.learner.defer(episode.summary.steps)
        elif is_warm(self.progress.robot_steps):
            self.learner.owe(episode.summary.steps)

    def policy(self) -> PolicyUpdate:
        """Return the newest version; the reward only when it has changed since the last call."""
        reward = None
        if self._classifier is not None and self._classifier.fitted.version != self._judged_by:
            self._judged_by = self._classifier.fitted.version
            reward = self._classifier.fitted.model
        return PolicyUpdate(self.learner.updates, self.learner.agent, reward)

    def health(self) -> Health:
        """Return how it is going."""
        return Health(
            connected=True,
            updates=self.learner.updates,
            lag_steps=self.learner.lag_steps,
            episodes=self.taken,
            online_steps=len(self.learner.online),
            demo_steps=len(self.learner.demos),
            faults=self.learner.faults,
            metrics=self.learner.metrics,
        )

    def _correct(self, episode: FinishedEpisode) -> None:
        if self._classifier is None or episode.correction is None:
            return
        what = "claim" if episode.summary.claimed else "veto"
        self._classifier.add(
            episode.correction,
            success=episode.summary.claimed,
            reason=f"{what} in episode {episode.number}",
        )
        self._classifier.refit()


class InTurns:
    """The link of lockstep: an episode is learnt from before the next one begins.

    Args:
        apprentice: the learning side, in the same thread.
    """

    def __init__(self, apprentice: Apprentice) -> None:
        self._apprentice = apprentice

    def send(self, episode: FinishedEpisode) -> None:
        """Learn all that the episode entitles to."""
        self._apprentice.take(episode)
        self._apprentice.learner.learn_owed()

    def latest_policy(self) -> PolicyUpdate | None:
        """Return the newest version."""
        return self._apprentice.policy()

    def health(self) -> Health:
        """Return how it is going."""
        return self._apprentice.health()
