"""The link between two processes: a thread at either end, whoever may come and go.

The learning side listens, the acting side connects, and again whenever the line is cut. A greeting
names the last episode the learner has; the acting side sends what comes after. Episodes carry
numbers, so nothing is taken in twice; a gap is filled from disk.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hilctl.training import wire
from hilctl.training.channel import Broken, Channel, Listener
from hilctl.training.link import FinishedEpisode, Health, PolicyUpdate

KEPT_EPISODES = 64  # not yet taken in; older ones are on disk
RETRY_S = 0.2
POLL_S = 0.1  # every look takes the interpreter from the control loop for a moment
WAITING_EPISODES = 16  # received and not yet taken in; more wait at the sender

Decode = Callable[[wire.Message], PolicyUpdate]


class RemoteLink:
    """The acting side's end.

    Args:
        address: where the learning side listens, or will listen.
    """

    def __init__(self, address: Path) -> None:
        self._address = address
        self._outbox: deque[tuple[int, bytes]] = deque(maxlen=KEPT_EPISODES)
        self._lock = threading.Lock()
        self._policy: wire.Message | None = None
        self._health = Health()
        self._greeting: wire.Message | None = None
        self._greeted = threading.Event()
        self._has_policy = threading.Event()
        self._closing = threading.Event()
        self.decode: Decode | None = None
        self._thread = threading.Thread(target=self._serve, name="link", daemon=True)
        self._thread.start()

    def greeting(self, timeout_s: float) -> wire.Message | None:
        """Return what the learning side said first, or None when it has not within `timeout_s`."""
        self._greeted.wait(timeout_s)
        return self._greeting

    def has_policy(self, timeout_s: float) -> bool:
        """Return whether a policy has ever come, at the latest after `timeout_s`."""
        return self._has_policy.wait(timeout_s)

    def send(self, episode: FinishedEpisode) -> None:
        """Queue an episode for sending."""
        packed = wire.pack_episode(episode)
        with self._lock:
            self._outbox.append((episode.number, packed))

    def latest_policy(self) -> PolicyUpdate | None:
        """Return the newest version, or None when there is none since the last call."""
        with self._lock:
            message, self._policy = self._policy, None
        if message is None or self.decode is None:
            return None
        return self.decode(message)

    def health(self) -> Health:
        """Return the newest that is known."""
        return self._health

    def close(self, timeout_s: float = 2.0) -> None:
        """Hang up, after what is queued has been sent or `timeout_s` has passed."""
        self._closing.set()
        self._thread.join(timeout_s)

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                channel = Channel.connect(self._address)
            except OSError:
                self._closing.wait(RETRY_S)
                continue
            try:
                self._talk(channel)
            except (*Broken, ValueError):
                pass  # a cut line is what this loop is for
            finally:
                self._health = replace(self._health, connected=False)
                channel.close()

    def _talk(self, channel: Channel) -> None:
        sent = -1
        while True:
            for number, packed in self._unsent(sent):
                channel.send(packed)
                sent = number
            if self._closing.is_set():
                return
            data = channel.receive(POLL_S)
            if data is not None:
                sent = max(sent, self._hear(wire.unpack(data)))

    def _unsent(self, sent: int) -> list[tuple[int, bytes]]:
        if sent < 0:  # before the greeting nobody knows what is wanted
            return []
        with self._lock:
            return [entry for entry in self._outbox if entry[0] > sent]

    def _hear(self, message: dict[str, Any]) -> int:
        """Take a message; return the last episode that need not be sent any more."""
        if message["kind"] == "policy":
            with self._lock:
                self._policy = message
            self._has_policy.set()
            return -1
        if message["kind"] == "health":
            self._health = wire.unpack_health(message)
            taken = self._health.episodes
        else:
            self._greeting = message
            self._greeted.set()
            taken = int(message["taken"])
        with self._lock:
            while self._outbox and self._outbox[0][0] <= taken:
                self._outbox.popleft()
        return taken


class Inlet:
    """The learning side's end.

    Args:
        address: to listen at.
        greeting: what the acting side has to know first, asked at every new connection.
    """

    def __init__(self, address: Path, greeting: Callable[[], bytes]) -> None:
        self._listener = Listener(address)
        self._greeting = greeting
        self._episodes: queue.Queue[FinishedEpisode] = queue.Queue(WAITING_EPISODES)
        self._lock = threading.Lock()
        self._mail: dict[str, bytes] = {}
        self._policy: bytes | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="inlet", daemon=True)
        self._thread.start()

    def receive(self, timeout_s: float) -> FinishedEpisode | None:
        """Return the next episode, or None when none comes within `timeout_s`."""
        try:
            return self._episodes.get(block=timeout_s > 0, timeout=timeout_s)
        except queue.Empty:
            return None

    def publish(self, policy: bytes | None, health: bytes) -> None:
        """Pass a newer policy, if there is one, and how the learner is; older ones are dropped."""
        with self._lock:
            if policy is not None:
                self._policy = self._mail["policy"] = policy
            self._mail["health"] = health

    def close(self, timeout_s: float = 2.0) -> None:
        """Hang up, after the newest has been sent or `timeout_s` has passed."""
        self._closing.set()
        self._thread.join(timeout_s)
        self._listener.close()

    def _serve(self) -> None:
        while not self._closing.is_set():
            channel = self._listener.accept(RETRY_S)
            if channel is None:
                continue
            try:
                self._talk(channel)
            except (*Broken, ValueError):
                pass  # the acting side is gone or talks nonsense; it may come back
            finally:
                channel.close()

    def _talk(self, channel: Channel) -> None:
        channel.send(self._greeting())
        if self._policy is not None:  # whoever comes back has missed it
            channel.send(self._policy)
        while True:
            for message in self._take_mail():
                channel.send(message)
            if self._closing.is_set():
                return
            data = channel.receive(POLL_S)
            if data is not None:
                self._keep(wire.unpack_episode(wire.unpack(data)))

    def _take_mail(self) -> list[bytes]:
        with self._lock:
            mail, self._mail = self._mail, {}
        return list(mail.values())

    def _keep(self, episode: FinishedEpisode) -> None:
        while not self._closing.is_set():
            try:
                self._episodes.put(episode, timeout=RETRY_S)
            except queue.Full:
                continue
            return
