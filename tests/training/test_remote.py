"""The link between two processes, over a real socket, with either end coming and going."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from made_up_episodes import GRID, perception, steps_of, summary

from hilctl.agents.options import RLPDOptions
from hilctl.agents.rlpd import RLPD
from hilctl.data.step import Outcome
from hilctl.rewards.model import Heads, SuccessModel
from hilctl.training import wire
from hilctl.training.channel import Channel, Listener
from hilctl.training.link import FinishedEpisode, Health, PolicyUpdate, finished_episode
from hilctl.training.remote import KEPT_EPISODES, Inlet, RemoteLink

SEEN = perception()
PATIENCE_S = 10.0


def episode(number: int, **ended: Any) -> FinishedEpisode:
    intervened = [False, True, True, False]
    return finished_episode(
        number, steps_of(intervened=intervened, seed=number), summary(**ended), SEEN
    )


def agent(seed: int) -> RLPD:
    return RLPD.create(jax.random.key(seed), SEEN.example(GRID), 6, RLPDOptions())


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
    update = PolicyUpdate(12, sent, success_model(3))
    got = wire.unpack_policy(wire.unpack(wire.pack_policy(update)), blank, success_model(4))
    seen, key = SEEN.example(GRID), jax.random.key(0)
    assert got.updates == 12
    np.testing.assert_array_equal(
        got.agent.act(seen, key, greedy=True), sent.act(seen, key, greedy=True)
    )
    frames = np.random.default_rng(0).normal(size=(5, 6)).astype("f2")
    assert got.reward is not None
    np.testing.assert_array_equal(
        got.reward.probability(frames), success_model(3).probability(frames)
    )


def test_an_unchanged_reward_is_not_sent() -> None:
    packed = wire.pack_policy(PolicyUpdate(1, agent(1)))
    assert wire.unpack_policy(wire.unpack(packed), agent(2), success_model(1)).reward is None


@pytest.mark.parametrize("data", [b"", b"\x00\xff", b"\x93\x01\x02\x03", b"\x80", b"\x81\x80\x01"])
def test_nonsense_is_no_message(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        wire.unpack(data)


@pytest.mark.parametrize("gone", ["number", "summary", "trajectory", "correction"])
def test_half_an_episode_is_none(gone: str) -> None:
    message = wire.unpack(wire.pack_episode(episode(1)))
    del message[gone]
    with pytest.raises(ValueError, match="no episode"):
        wire.unpack_episode(message)


class LearnerSide:
    """An inlet and what it has taken in."""

    def __init__(self, address: Path, taken: int = 0) -> None:
        self.taken = taken
        self.numbers: list[int] = []
        self.inlet = Inlet(address, lambda: wire.pack("greeting", {"taken": self.taken}))

    def take(self, count: int) -> None:
        """Take in `count` more episodes, as the learner does."""
        deadline = time.monotonic() + PATIENCE_S
        while len(self.numbers) < count and time.monotonic() < deadline:
            got = self.inlet.receive(0.05)
            if got is not None and got.number > self.taken:
                self.numbers.append(got.number)
                self.taken = got.number
            self.inlet.publish(None, wire.pack_health(Health(connected=True, episodes=self.taken)))


def eventually(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return true()


@pytest.fixture
def address(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s") / "link"


@pytest.fixture
def link(address: Path) -> Iterator[RemoteLink]:
    made = RemoteLink(address)
    yield made
    made.close()


def test_episodes_arrive_in_order_and_the_learner_is_heard(address: Path, link: RemoteLink) -> None:
    for number in (1, 2, 3):
        link.send(episode(number))
    side = LearnerSide(address)
    side.take(3)
    assert side.numbers == [1, 2, 3]
    assert eventually(lambda: link.health().episodes == 3)
    side.inlet.close()


def test_sending_does_not_wait_for_a_learner_that_is_not_there(link: RemoteLink) -> None:
    started = time.monotonic()
    for number in range(1, KEPT_EPISODES + 10):
        link.send(episode(number))
    assert link.latest_policy() is None
    assert not link.health().connected
    assert time.monotonic() - started < PATIENCE_S


def test_a_learner_that_comes_back_gets_what_it_lacks_and_nothing_twice(
    address: Path, link: RemoteLink
) -> None:
    first = LearnerSide(address)
    link.send(episode(1))
    link.send(episode(2))
    first.take(2)
    assert eventually(lambda: link.health().episodes == 2)
    first.inlet.close()
    assert eventually(lambda: not link.health().connected)
    link.send(episode(3))
    second = LearnerSide(address, taken=1)  # its last checkpoint is older
    link.send(episode(4))
    second.take(2)
    assert second.numbers == [3, 4]  # 2 was acknowledged: it is on disk
    second.inlet.close()


def test_an_actor_that_comes_back_gets_the_newest_policy(address: Path) -> None:
    side = LearnerSide(address)
    for updates in (1, 2, 3):
        policy = wire.pack_policy(PolicyUpdate(updates, agent(updates)))
        side.inlet.publish(policy, wire.pack_health(Health(connected=True)))
    for _ in range(2):
        link = RemoteLink(address)
        assert next_policy(link).updates == 3
        link.close()
    side.inlet.close()


def next_policy(link: RemoteLink) -> PolicyUpdate:
    blank = agent(9)
    link.decode = lambda message: wire.unpack_policy(message, blank, None)
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        newer = link.latest_policy()
        if newer is not None:
            return newer
        time.sleep(0.01)
    raise AssertionError("no policy came")


def test_a_stranger_who_talks_nonsense_does_no_harm(address: Path) -> None:
    side = LearnerSide(address)
    stranger = Channel.connect(address)
    stranger.send(b"\xc1 nonsense")
    stranger.close()
    link = RemoteLink(address)
    link.send(episode(1))
    side.take(1)
    assert side.numbers == [1]
    link.close()
    side.inlet.close()


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
