"""The link of lockstep: both sides in one process, by the messages that two processes send."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from hilctl.training import wire
from hilctl.training.episode_learner import EpisodeLearner
from hilctl.training.last_good import copied
from hilctl.training.link import FinishedEpisode
from hilctl.training.mail import Announcer, Postbox, Tell


class LockstepLink(Postbox):
    """Learn from an episode while the next one runs; a policy is one episode old.

    That is as deterministic as to wait for the learner. A corrected reward is there at once, and
    learning rests throughout a trial, whose policy is then the newest.

    Args:
        episode_learner: the learning side; nobody else may touch its learner before `wait`.
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
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="learner")
        self._learning: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End with all learnt that is owed.

        Raises:
            DataError: losses were no numbers again and again; untold if another error ends it.
        """
        self._thread.shutdown()
        if error is None:
            self.wait()

    def send(self, episode: FinishedEpisode) -> None:
        """Announce what the episodes before have taught, and begin to learn from this one."""
        self.wait()
        self._episode_learner.take(episode)
        self._announcer.announce()
        self._learning = self._thread.submit(self._episode_learner.learner.learn_owed)

    def settle(self, stop: Callable[[], bool]) -> None:
        """Wait until all is learnt that is owed, and announce it."""
        self.wait()
        self._announcer.announce()

    def wait(self) -> None:
        """Wait until all is learnt that is owed.

        Raises:
            DataError: losses were no numbers again and again.
        """
        learning, self._learning = self._learning, None
        if learning is not None:
            learning.result()

    def _deliver(self, kind: wire.Kind, packed: bytes) -> None:
        self.put(wire.unpack(packed))
