"""What the learning side announces and the acting side has not looked at yet.

Newest policy and newest reward each have a place of their own, and each comes when it has changed,
so neither makes the other disappear and a veto needs no update to arrive. The same code serves two
processes and one that does both.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from hilctl.agents.base import Agent
from hilctl.rewards.base import RewardModel
from hilctl.training import wire
from hilctl.training.episode_learner import EpisodeLearner
from hilctl.training.link import Health, PolicyUpdate, RewardUpdate

T = TypeVar("T")
Tell = Callable[[str], None]
Post = Callable[[wire.Kind, bytes], None]


class Announcer:
    """Post a newer policy and a newer reward when there are, and always how the learner is.

    Args:
        episode_learner: learns.
        post: passes a packed message on.
    """

    def __init__(self, episode_learner: EpisodeLearner, post: Post) -> None:
        self._episode_learner, self._post = episode_learner, post
        self._updates = self._version = -1

    def announce(self) -> None:
        """Post what is new since the last time; the first time, everything."""
        reward, policy = self._episode_learner.reward(), self._episode_learner.policy()
        if reward is not None and reward.version != self._version:
            self._version = reward.version
            self._post("reward", wire.pack_reward(reward))
        if policy.updates != self._updates:
            self._updates = policy.updates
            self._post("policy", wire.pack_policy(policy))
        self._post("health", wire.pack_health(self._episode_learner.health()))


class Postbox:
    """Hold the newest message of each kind until it is looked at.

    Args:
        tell: told once of each kind of message that cannot be read; such a one is left out.
    """

    def __init__(self, tell: Tell) -> None:
        self.complaints = TroubleLog(tell)
        self._lock = threading.Lock()
        self._messages: dict[str, wire.Message] = {}
        self._health = Health()
        self._agent: Agent | None = None
        self._model: RewardModel | None = None

    def expect(self, agent: Agent, model: RewardModel | None) -> None:
        """Say whose like policies and rewards are: they bring arrays only."""
        self._agent, self._model = agent, model

    def put(self, message: wire.Message) -> Health | None:
        """Take a message in place of an older one of its kind; return the state that it told."""
        kind = message["kind"]
        if kind == "health":
            health = self.complaints.read(kind, lambda: wire.unpack_health(message))
            self._health = health or self._health
            return health
        if kind in ("policy", "reward"):
            with self._lock:
                self._messages[kind] = message
        else:
            self.complaints.complain("kind", f"left out a message of unknown kind {kind[:20]!r}")
        return None

    def latest_policy(self) -> PolicyUpdate | None:
        """Return the newest policy, or None when there is none since the last call."""
        agent = self._agent
        if agent is None or (message := self._take("policy")) is None:
            return None
        return self.complaints.read("policy", lambda: wire.unpack_policy(message, agent))

    def latest_reward(self) -> RewardUpdate | None:
        """Return the newest reward, or None when there is none since the last call."""
        model = self._model
        if model is None or (message := self._take("reward")) is None:
            return None
        return self.complaints.read("reward", lambda: wire.unpack_reward(message, model))

    def health(self) -> Health:
        """Return the newest that is known."""
        return self._health

    def _take(self, kind: str) -> wire.Message | None:
        with self._lock:
            return self._messages.pop(kind, None)


class TroubleLog:
    """Tell of each kind of trouble once, however often it comes.

    Args:
        tell: told in words.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._told: set[str] = set()

    def read(self, kind: str, unpacked: Callable[[], T]) -> T | None:
        """Return what a message of a kind holds, or None when it cannot be read."""
        try:
            return unpacked()
        except ValueError as error:
            self.complain(kind, f"left out a {kind} that cannot be read: {error}")
            return None

    def complain(self, subject: str, trouble: str) -> None:
        """Tell of a trouble, unless one with the same subject has been told."""
        if subject not in self._told:
            self._told.add(subject)
            self._tell(trouble)
