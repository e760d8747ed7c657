"""The link between two processes: a thread at either end, whoever may come and go.

The learning side listens, the acting side connects, and again whenever the line is cut. A greeting
names the last episode the learner has; the acting side sends what comes after. Episodes carry
numbers, so nothing is taken in twice; a gap is filled from disk. A message that cannot be read is
left out, and said so; it ends neither thread nor line.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from hilctl.training import wire
from hilctl.training.channel import Broken, Channel, Gone, Listener
from hilctl.training.link import FinishedEpisode, Greeting, Health
from hilctl.training.mail import Postbox, Tell, TroubleLog

KEPT_EPISODES = 64  # not yet taken in; older ones are on disk
RETRY_S = 0.2
POLL_S = 0.1  # every look takes the interpreter from the control loop for a moment
SETTLE_S = 60.0  # a trial leaves updates of all its episodes: after one of 17, 20 s were too few
WAITING_EPISODES = 16  # received and not yet taken in; more wait at the sender


class ActorClient(Postbox):
    """The acting side's end.

    Args:
        address: where the learning side listens, or will listen.
        tell: told once of every kind of trouble with the line.
    """

    def __init__(self, address: Path, tell: Tell) -> None:
        super().__init__(tell)
        self._address = address
        self._outbox: deque[tuple[int, bytes]] = deque(maxlen=KEPT_EPISODES)
        self._outbox_lock = threading.Lock()
        self._greeting: Greeting | None = None
        self._sent = 0  # number of the last episode
        self._connected = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="link", daemon=True)
        self._thread.start()

    def greeting(self) -> Greeting | None:
        """Return what the learning side said first, or None when it has not yet."""
        return self._greeting

    def send(self, episode: FinishedEpisode) -> None:
        """Queue an episode for sending."""
        packed = wire.pack_episode(episode)
        self._sent = episode.number
        with self._outbox_lock:
            self._outbox.append((episode.number, packed))

    def settle(self, stop: Callable[[], bool]) -> None:
        """Wait until the learner has told that it rests after the last episode.

        It tells of its policy first. One that cannot be reached is not waited for, and one that is
        far behind no longer than `SETTLE_S`: the newest policy that there is has to do.
        """
        deadline = time.monotonic() + SETTLE_S
        while not stop() and self._connected and time.monotonic() < deadline:
            health = super().health()
            if health.episodes >= self._sent and not health.is_behind:
                return
            time.sleep(POLL_S)

    def health(self) -> Health:
        """Return the newest that is known."""
        return replace(super().health(), connected=self._connected)

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
            self._connected = True
            with _talking(channel, "learner", self.complaints):
                self._talk(channel)
            self._connected = False
            self._closing.wait(RETRY_S)

    def _talk(self, channel: Channel) -> None:
        sent = -1
        while True:
            for number, packed in self._unsent(sent):
                channel.send(packed)
                sent = number
            if self._closing.is_set():
                return
            message = _next_message(channel, self.complaints)
            if message is not None:
                sent = max(sent, self._hear(message))

    def _unsent(self, sent: int) -> list[tuple[int, bytes]]:
        if sent < 0:  # before the learner has told what it has, nobody knows what is wanted
            return []
        with self._outbox_lock:
            return [entry for entry in self._outbox if entry[0] > sent]

    def _hear(self, message: wire.Message) -> int:
        """Take a message; return the last episode the learner has, -1 when it does not say."""
        taken = -1
        if message["kind"] == "greeting":
            greeting = self.complaints.read("greeting", partial(wire.unpack_greeting, message))
            if greeting is not None:
                self._greeting, taken = greeting, greeting.taken
        elif (health := self.put(message)) is not None:
            taken = health.episodes
        with self._outbox_lock:
            while self._outbox and self._outbox[0][0] <= taken:
                self._outbox.popleft()
        return taken


class LearnerServer:
    """The learning side's end.

    Args:
        address: to listen at.
        greeting: what the acting side has to know first, asked at every new connection.
        tell: told once of every kind of trouble with the line.
    """

    def __init__(self, address: Path, greeting: Callable[[], bytes], tell: Tell) -> None:
        self._listener = Listener(address)
        self._greeting = greeting
        self._complaints = TroubleLog(tell)
        self._episodes: queue.Queue[FinishedEpisode] = queue.Queue(WAITING_EPISODES)
        self._lock = threading.Lock()
        self._newest: dict[wire.Kind, bytes] = {}
        self._unsent: dict[wire.Kind, bytes] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="server", daemon=True)
        self._thread.start()

    def receive(self, timeout_s: float) -> FinishedEpisode | None:
        """Return the next episode, or None when none comes within `timeout_s`."""
        try:
            return self._episodes.get(block=timeout_s > 0, timeout=timeout_s)
        except queue.Empty:
            return None

    def post(self, kind: wire.Kind, message: bytes) -> None:
        """Pass a message on, in place of an older one of its kind; whoever reconnects gets it."""
        with self._lock:
            for messages in (self._newest, self._unsent):
                messages.pop(kind, None)  # what is posted last arrives last
                messages[kind] = message

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
            with _talking(channel, "actor", self._complaints):
                self._talk(channel)
            self._closing.wait(RETRY_S)

    def _talk(self, channel: Channel) -> None:
        channel.send(self._greeting())
        with self._lock:  # whoever comes back has missed what was sent meanwhile
            self._unsent = dict(self._newest)
        while True:
            for packed in self._take_unsent():
                channel.send(packed)
            if self._closing.is_set():
                return
            message = _next_message(channel, self._complaints)
            if message is not None:
                self._keep(message)

    def _take_unsent(self) -> list[bytes]:
        with self._lock:
            unsent, self._unsent = self._unsent, {}
        return list(unsent.values())

    def _keep(self, message: wire.Message) -> None:
        episode = self._complaints.read("episode", partial(wire.unpack_episode, message))
        while episode is not None and not self._closing.is_set():
            with contextlib.suppress(queue.Full):
                self._episodes.put(episode, timeout=RETRY_S)
                return


def _next_message(channel: Channel, complaints: TroubleLog) -> wire.Message | None:
    """Return the next message, or None when none comes for a moment or it cannot be read."""
    data = channel.receive(POLL_S)
    if data is None:
        return None
    return complaints.read("message", partial(wire.unpack, data))


@contextlib.contextmanager
def _talking(channel: Channel, peer: str, complaints: TroubleLog) -> Iterator[None]:
    """Hang up at the end of the block; a line that breaks ends it, and is made again."""
    try:
        yield
    except Gone:
        pass  # a process that leaves or is killed; whoever watches over it says so
    except Broken as error:
        complaints.complain("line", f"the line to the {peer} is cut and made again: {error}")
    finally:
        channel.close()
