"""The link between two processes, over a real socket, with either end coming and going."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from made_up_episodes import GRID, perception, steps_of, summary

from hilctl.agents.options import RLPDOptions
from hilctl.agents.rlpd import RLPD
from hilctl.data.step import Outcome
from hilctl.rewards.model import Heads, SuccessModel
from hilctl.task.layout import ActionLayout, ObservationLayout
from hilctl.training import wire
from hilctl.training.channel import Channel, Listener
from hilctl.training.link import (
    FinishedEpisode,
    Greeting,
    Health,
    PolicyUpdate,
    RewardUpdate,
    finished_episode,
)
from hilctl.training.mail import Announcer
from hilctl.training.remote import KEPT_EPISODES, RETRY_S, ActorClient, LearnerServer

SEEN = perception()
ACTIONS = ActionLayout.one_arm()
SHOWN = ObservationLayout({"wrist": (32, 32)}, {"tcp_pose": 7})
PATIENCE_S = 10.0


def episode(number: int, **ended: Any) -> FinishedEpisode:
    intervened = [False, True, True, False]
    return finished_episode(
        number, steps_of(intervened=intervened, seed=number), summary(**ended), SEEN
    )


def agent(seed: int) -> RLPD:
    return RLPD.create(jax.random.key(seed), SEEN.example(GRID), ACTIONS, RLPDOptions())


def success_model(seed: int) -> SuccessModel:
    rng = np.random.default_rng(seed)
    heads = Heads(
        *(rng.normal(size=shape).astype("f4") for shape in ((2, 6, 4), (2, 4), (2, 4), (2,)))
    )
    return SuccessModel(SEEN.projections, heads, rng.normal(size=(3, 6)).astype("f2"), 1.5, 0.7)


def assert_same(left: FinishedEpisode, right: FinishedEpisode) -> None:
    assert (left.number, left.summary) == (right.number, right.summary)
    assert (left.trial, left.policy_updates) == (right.trial, right.policy_updates)
    jax.tree.map(np.testing.assert_array_equal, vars(left.trajectory), vars(right.trajectory))
    assert (left.correction is None) == (right.correction is None)
    for camera, frames in (left.correction or {}).items():
        np.testing.assert_array_equal(frames, (right.correction or {})[camera])


@pytest.mark.parametrize(
    "ended", [{}, {"outcome": Outcome.FAILURE, "vetoed": True, "true_success": False}]
)
def test_an_episode_survives_the_wire(ended: dict[str, Any]) -> None:
    sent = replace(episode(7, **ended), trial=3 * ("outcome" in ended), policy_updates=40)
    got = wire.unpack_episode(wire.unpack(wire.pack_episode(sent)))
    assert_same(sent, got)
    for name, array in sent.trajectory.observations.items():
        assert got.trajectory.observations[name].dtype == array.dtype


def test_a_policy_acts_the_same_at_the_other_end() -> None:
    sent, blank = agent(1), agent(2)
    got = wire.unpack_policy(wire.unpack(wire.pack_policy(PolicyUpdate(12, sent))), blank)
    seen, key = SEEN.example(GRID), jax.random.key(0)
    assert got.updates == 12
    np.testing.assert_array_equal(
        got.agent.act(seen, key, greedy=True), sent.act(seen, key, greedy=True)
    )


def test_a_reward_judges_the_same_at_the_other_end() -> None:
    packed = wire.pack_reward(RewardUpdate(4, success_model(3)))
    got = wire.unpack_reward(wire.unpack(packed), success_model(4))
    assert got.version == 4
    assert got.model.threshold == success_model(3).threshold
    frames = np.random.default_rng(0).normal(size=(5, 6)).astype("f2")
    np.testing.assert_array_equal(
        got.model.probability(frames), success_model(3).probability(frames)
    )


@pytest.mark.parametrize("data", [b"", b"\x00\xff", b"\x93\x01\x02\x03", b"\x80", b"\x81\x80\x01"])
def test_nonsense_is_no_message(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        wire.unpack(data)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | arrays(st.sampled_from(["f4", "f2", "i8", "?"]), array_shapes(min_dims=0, max_dims=2)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@cache
def known() -> tuple[RLPD, SuccessModel]:
    """Return what the reading side has already: made in tests, not by whoever collects them."""
    return agent(1), success_model(1)


@cache
def right() -> dict[str, bytes]:
    """Return a message of every kind."""
    return {
        "greeting": wire.pack_greeting(Greeting(3, SEEN.arrays(), ACTIONS, SHOWN)),
        "episode": wire.pack_episode(episode(7, outcome=Outcome.FAILURE, vetoed=True)),
        "policy": wire.pack_policy(PolicyUpdate(1, known()[0])),
        "reward": wire.pack_reward(RewardUpdate(1, known()[1])),
        "health": wire.pack_health(Health(metrics={"q": 0.5})),
    }


READ: dict[str, Callable[[wire.Message], object]] = {
    "greeting": wire.unpack_greeting,
    "episode": wire.unpack_episode,
    "policy": lambda message: wire.unpack_policy(message, known()[0]),
    "reward": lambda message: wire.unpack_reward(message, known()[1]),
    "health": wire.unpack_health,
}


def read_everything(message: wire.Message) -> None:
    for read in READ.values():
        with contextlib.suppress(ValueError):
            read(message)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_a_value_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        read_everything(wire.unpack(data))


@given(st.sampled_from(sorted(READ)), st.data())
def test_any_message_with_other_bytes_in_it_is_read_or_a_value_error(
    kind: str, data: st.DataObject
) -> None:
    garbled = bytearray(right()[kind])
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, min(400, len(garbled) - 1)))
        garbled[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.none() | st.integers(0, len(garbled)))
    with contextlib.suppress(ValueError):
        read_everything(wire.unpack(bytes(garbled[:cut])))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(READ)), st.data())
def test_any_value_in_place_of_another_is_read_or_a_value_error(
    kind: str, data: st.DataObject
) -> None:
    message = wire.unpack(right()[kind])
    inside: dict[str, Any] = message
    while True:
        name = data.draw(st.sampled_from(sorted(inside)))
        if not isinstance(inside[name], dict) or data.draw(st.booleans()):
            break
        if not inside[name]:
            return
        inside = inside[name]
    if data.draw(st.booleans()):
        inside[name] = data.draw(values)
    else:
        del inside[name]
    with contextlib.suppress(ValueError):
        READ[kind](message)


@pytest.mark.parametrize("kind", sorted(READ))
def test_a_message_is_not_taken_for_one_of_another_kind(kind: str) -> None:
    message = wire.unpack(right()[kind])
    assert message["kind"] == kind
    READ[kind](message)
    for other in set(READ) - {kind, "health"}:  # of a health every part may be missing
        with pytest.raises(ValueError, match=f"no {other}"):
            READ[other](message)


@pytest.mark.parametrize("gone", ["number", "summary", "trajectory", "correction"])
def test_half_an_episode_is_none(gone: str) -> None:
    message = wire.unpack(wire.pack_episode(episode(1)))
    del message[gone]
    with pytest.raises(ValueError, match="no episode"):
        wire.unpack_episode(message)


class LearnerSide:
    """An server and what it has taken in."""

    def __init__(self, address: Path, taken: int = 0) -> None:
        self.taken = taken
        self.numbers: list[int] = []
        self.troubles: list[str] = []
        self.server = LearnerServer(address, self.greeting, self.troubles.append)

    def greeting(self) -> bytes:
        """Return what an acting side is told first."""
        return wire.pack_greeting(Greeting(self.taken, SEEN.arrays(), ACTIONS, SHOWN))

    def take(self, count: int) -> None:
        """Take in `count` more episodes, as the learner does."""
        deadline = time.monotonic() + PATIENCE_S
        while len(self.numbers) < count and time.monotonic() < deadline:
            got = self.server.receive(0.05)
            if got is not None and got.number > self.taken:
                self.numbers.append(got.number)
                self.taken = got.number
            self.server.post("health", wire.pack_health(Health(episodes=self.taken)))


def eventually(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return true()


@pytest.fixture
def address(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s") / "link"


TROUBLES: list[str] = []


@pytest.fixture
def link(address: Path) -> Iterator[ActorClient]:
    TROUBLES.clear()
    made = ActorClient(address, TROUBLES.append)
    yield made
    made.close()


def test_episodes_arrive_in_order_and_the_learner_is_heard(
    address: Path, link: ActorClient
) -> None:
    for number in (1, 2, 3):
        link.send(episode(number))
    side = LearnerSide(address)
    side.take(3)
    assert side.numbers == [1, 2, 3]
    assert eventually(lambda: link.health().episodes == 3)
    side.server.close()


def test_sending_does_not_wait_for_a_learner_that_is_not_there(link: ActorClient) -> None:
    started = time.monotonic()
    for number in range(1, KEPT_EPISODES + 10):
        link.send(episode(number))
    assert link.latest_policy() is None
    assert not link.health().connected
    assert time.monotonic() - started < PATIENCE_S


def test_nobody_is_waited_for_who_is_not_there(link: ActorClient) -> None:
    started = time.monotonic()
    link.settle(lambda: False)
    assert time.monotonic() - started < PATIENCE_S


def test_what_is_settled_has_learnt_from_all_that_was_sent(
    address: Path, link: ActorClient
) -> None:
    side = LearnerSide(address)
    assert eventually(lambda: link.health().connected)
    link.send(episode(1))
    settled = threading.Event()

    def settle() -> None:
        link.settle(lambda: False)
        settled.set()

    waiting = threading.Thread(target=settle, daemon=True)
    waiting.start()
    for health in (Health(), Health(episodes=1, is_behind=True)):
        side.server.post("health", wire.pack_health(health))
        assert eventually(lambda told=health: link.health().is_behind == told.is_behind)
        assert not settled.wait(0.3)
    side.server.post("policy", wire.pack_policy(PolicyUpdate(40, agent(1))))
    side.server.post("health", wire.pack_health(Health(episodes=1)))
    assert settled.wait(PATIENCE_S)
    link.expect(agent(2), success_model(1))
    newest_policy = link.latest_policy()
    assert newest_policy is not None
    assert newest_policy.updates == 40
    side.server.close()


def test_a_learner_that_comes_back_gets_what_it_lacks_and_nothing_twice(
    address: Path, link: ActorClient
) -> None:
    first = LearnerSide(address)
    link.send(episode(1))
    link.send(episode(2))
    first.take(2)
    assert eventually(lambda: link.health().episodes == 2)
    first.server.close()
    assert eventually(lambda: not link.health().connected)
    link.send(episode(3))
    second = LearnerSide(address, taken=1)  # its last checkpoint is older
    link.send(episode(4))
    second.take(2)
    assert second.numbers == [3, 4]  # 2 was acknowledged: it is on disk
    second.server.close()


def test_an_actor_that_comes_back_gets_the_newest_policy_and_reward(address: Path) -> None:
    side = LearnerSide(address)
    for version in (1, 2, 3):
        side.server.post("reward", right()["reward"])
        side.server.post("policy", wire.pack_policy(PolicyUpdate(version, agent(version))))
        update = RewardUpdate(10 + version, success_model(version))
        side.server.post("reward", wire.pack_reward(update))
    for _ in range(2):
        link = ActorClient(address, TROUBLES.append)
        policy, reward = newest(link)
        assert (policy.updates, reward.version) == (3, 13)
        assert link.latest_policy() is link.latest_reward() is None
        link.close()
    side.server.close()


def test_what_is_posted_last_arrives_last(address: Path) -> None:
    side = LearnerSide(address)
    for kind in ("health", "policy", "health"):  # who reads that it rests has its policy
        side.server.post(kind, right()[kind])
    kinds = [wire.unpack(packed)["kind"] for packed in side.server._take_unsent()]
    assert kinds == ["policy", "health"]
    assert list(side.server._newest) == kinds
    side.server.close()


def test_neither_policy_nor_reward_makes_the_other_disappear(
    address: Path, link: ActorClient
) -> None:
    side = LearnerSide(address)
    side.server.post("reward", wire.pack_reward(RewardUpdate(2, success_model(2))))
    for updates in range(5):
        assert eventually(lambda: not side.server._unsent)
        side.server.post("policy", wire.pack_policy(PolicyUpdate(updates, agent(1))))
    side.server.post("health", wire.pack_health(Health(updates=4)))
    assert eventually(lambda: link.health().updates == 4)
    policy, reward = newest(link)
    assert (policy.updates, reward.version) == (4, 2)
    side.server.close()


class Corrected:
    """Stand in for an episode_learner whose classifier learns and whose policy does not."""

    def __init__(self) -> None:
        self.version = 1

    def reward(self) -> RewardUpdate:
        return RewardUpdate(self.version, success_model(self.version))

    def policy(self) -> PolicyUpdate:
        return PolicyUpdate(7, known()[0])

    def health(self) -> Health:
        return Health(updates=7, episodes=self.version)


def test_a_correction_reaches_the_actor_even_if_no_update_is_made(
    address: Path, link: ActorClient
) -> None:
    side, episode_learner = LearnerSide(address), Corrected()
    announcer = Announcer(episode_learner, side.server.post)  # type: ignore[arg-type]
    announcer.announce()
    policy, reward = newest(link)
    assert (policy.updates, reward.version) == (7, 1)
    for version in range(2, 5):
        episode_learner.version = version
        announcer.announce()
        assert eventually(lambda wanted=version: link.health().episodes == wanted)  # type: ignore[misc]
        got = link.latest_reward()
        assert got is not None
        assert got.version == version
    assert link.latest_policy() is None
    announcer.announce()
    assert eventually(lambda: not side.server._unsent)
    time.sleep(0.3)
    assert link.latest_reward() is None  # it has not changed
    side.server.close()


def newest(link: ActorClient) -> tuple[PolicyUpdate, RewardUpdate]:
    link.expect(agent(9), success_model(9))
    policy = reward = None
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        policy = link.latest_policy() or policy
        reward = link.latest_reward() or reward
        if policy is not None and reward is not None:
            return policy, reward
        time.sleep(0.01)
    raise AssertionError(f"no policy or no reward came: {policy}, {reward}")


MALFORMED = [
    b"\xc1 nonsense",
    wire.pack("health", {"metrics": 7}),
    wire.pack("health", {"updates": "many", "of another version": 1}),
    wire.pack("greeting", {}),
    wire.pack("greeting", {"taken": "all", "perception": {}}),
    wire.pack("policy", {"updates": 1, "acting": {"a": np.zeros(3)}}),
    wire.pack("reward", {"version": 1}),
    wire.pack("episode", {"number": 1}),
    wire.pack("gossip", {}),  # type: ignore[arg-type]
]


def test_malformed_messages_of_a_learner_are_left_out_told_once_and_end_nothing(
    address: Path, link: ActorClient
) -> None:
    listener = Listener(address)
    channel = listener.accept(PATIENCE_S)
    assert channel is not None
    link.expect(agent(9), success_model(9))
    for _ in range(3):
        for message in MALFORMED:
            channel.send(message)
        assert link.latest_policy() is link.latest_reward() is None
    link.send(episode(1))
    assert channel.receive(0.3) is None  # nobody has told what is wanted
    channel.send(wire.pack_greeting(Greeting(0, SEEN.arrays(), ACTIONS, SHOWN)))
    sent = channel.receive(PATIENCE_S)
    assert sent is not None
    assert wire.unpack_episode(wire.unpack(sent)).number == 1
    for kind in ("policy", "reward", "health"):
        channel.send(right()[kind])
    policy, reward = newest(link)
    assert (policy.updates, reward.version) == (1, 1)
    assert eventually(lambda: link.health().metrics == {"q": 0.5})
    for kind in ("message that", "health that", "greeting that", "message of unknown kind"):
        assert sum(told.startswith(f"left out a {kind}") for told in TROUBLES) == 1, TROUBLES
    channel.close()
    listener.close()


def test_malformed_messages_of_an_actor_are_left_out_told_once_and_end_nothing(
    address: Path,
) -> None:
    side = LearnerSide(address)
    actor = Channel.connect(address)
    for _ in range(3):
        for message in MALFORMED:
            actor.send(message)
    actor.send(wire.pack_episode(episode(1)))
    side.take(1)
    assert side.numbers == [1]
    assert len(side.troubles) == 2, side.troubles  # one for bytes, one for episodes
    actor.close()
    side.server.close()


def test_a_line_that_breaks_again_and_again_is_not_made_again_at_once(
    address: Path, link: ActorClient
) -> None:
    listener = Listener(address)
    connections, begun_s = 0, time.monotonic()
    while time.monotonic() < begun_s + 2.0 or connections < 2:
        channel = listener.accept(0.05)
        if channel is not None:
            connections += 1
            channel.close()
    listener.close()
    assert connections <= (time.monotonic() - begun_s) / RETRY_S + 1


def test_a_message_too_long_for_any_memory_ends_the_line_with_a_word(
    address: Path, link: ActorClient
) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(address))
    listener.listen()
    peer, _ = listener.accept()
    peer.sendall(struct.pack("!i", -1) + struct.pack("!Q", 1 << 50))
    again, _ = listener.accept()
    assert [told for told in TROUBLES if "line" in told]
    for one in (peer, again, listener):
        one.close()


def test_a_stranger_who_talks_nonsense_does_no_harm(address: Path) -> None:
    side = LearnerSide(address)
    stranger = Channel.connect(address)
    stranger.send(b"\xc1 nonsense")
    stranger.close()
    link = ActorClient(address, TROUBLES.append)
    link.send(episode(1))
    side.take(1)
    assert side.numbers == [1]
    link.close()
    side.server.close()


def test_a_message_cut_in_the_middle_is_an_error_not_a_wait(address: Path) -> None:
    listener = Listener(address)
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(str(address))
    channel = listener.accept(PATIENCE_S)
    assert channel is not None
    peer.sendall(b"\x00\x00\x10\x00half")
    peer.close()
    with pytest.raises((EOFError, OSError)):
        channel.receive(PATIENCE_S)
    channel.close()
    listener.close()


def test_a_socket_left_by_the_dead_is_replaced(address: Path) -> None:
    Listener(address).close()
    assert address.exists()
    again = Listener(address)
    assert again.accept(0.01) is None
    again.close()
