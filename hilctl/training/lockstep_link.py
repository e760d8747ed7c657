"""The link of lockstep: both sides in one thread, by the messages that two processes send."""

from __future__ import annotations

from hilctl.training import wire
from hilctl.training.episode_learner import EpisodeLearner
from hilctl.training.last_good import copied
from hilctl.training.link import FinishedEpisode
from hilctl.training.mail import Announcer, Postbox, Tell


class LockstepLink(Postbox):
    """Learn from an episode before the next one begins.

    Args:
        episode_learner: the learning side.
        tell: told of messages that cannot be read.
    """

    def __init__(self, episode_learner: EpisodeLearner, tell: Tell) -> None:
        super().__init__(tell)
        self._episode_learner = episode_learner
        reward = episode_learner.reward()
        # updates give the learner's own arrays away
        self.expect(copied(episode_learner.learner.agent), reward.model if reward else None)
        self._announcer = Announcer(episode_learner, self._deliver)
        self._announcer.announce()

    def send(self, episode: FinishedEpisode) -> None:
        """Learn all that the episode entitles to, and announce what is new."""
        self._episode_learner.take(episode)
        self._episode_learner.learner.learn_owed()
        self._announcer.announce()

    def _deliver(self, kind: wire.Kind, packed: bytes) -> None:
        self.put(wire.unpack(packed))
