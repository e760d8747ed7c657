"""Replay: what is sampled really happened, all of it can be sampled, and half of it is shown."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilctl.data.replay import MixedSampler, ReplayBuffer, bytes_needed, human_segments

SPEC = {"id": ((2,), np.int64)}
NEXT = np.array([0, 1])  # same episode, one step on


def episode_arguments(episode: int, steps: int) -> dict[str, Any]:
    """Make an episode whose every entry names its episode and step."""
    index = np.arange(steps + 1)
    ids = np.stack([np.full(steps + 1, episode), index], axis=1)
    return {
        "actions": ids[:-1].astype(np.float32),
        "rewards": index[:-1].astype(np.float32),
        "terminated": (index[:-1] == steps - 1) & (episode % 2 == 0),
        "intervened": index[:-1] % 3 == 0,
        "toggles": (index[:-1] % 2).astype(np.uint8),
        "observations": {"id": ids},
    }


def filled(capacity: int, lengths: list[int]) -> tuple[ReplayBuffer, set[tuple[int, int]]]:
    """Return a buffer after episodes of these lengths, and the transitions it should hold."""
    buffer = ReplayBuffer(capacity, SPEC, 2)
    written: list[tuple[int, int, bool]] = []
    for episode, steps in enumerate(lengths):
        buffer.add_episode(**episode_arguments(episode, steps))
        written += [(episode, step, step < steps) for step in range(steps + 1)]
    alive = written[-capacity:]
    return buffer, {(episode, step) for episode, step, starts in alive if starts}


@st.composite
def buffers(draw: st.DrawFn) -> tuple[ReplayBuffer, set[tuple[int, int]]]:
    capacity = draw(st.integers(2, 24))
    lengths = draw(st.lists(st.integers(1, capacity - 1), min_size=1, max_size=12))
    return filled(capacity, lengths)


@given(buffers(), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=200)
def test_every_living_transition_is_reached_and_is_true(
    case: tuple[ReplayBuffer, set[tuple[int, int]]], seed: int
) -> None:
    buffer, expected = case
    batch = buffer.sample(np.random.default_rng(seed), 1500)
    now, after = batch.observations["id"], batch.next_observations["id"]

    assert len(buffer) == len(expected)
    assert {(int(a), int(b)) for a, b in now} == expected
    np.testing.assert_array_equal(after, now + NEXT)
    np.testing.assert_array_equal(batch.actions, now)
    np.testing.assert_array_equal(batch.rewards, now[:, 1])
    np.testing.assert_array_equal(batch.intervened, now[:, 1] % 3 == 0)


def test_the_last_slot_of_the_ring_is_sampled() -> None:
    buffer, expected = filled(capacity=10, lengths=[4, 4, 5])  # the third starts over at slot 0
    assert (1, 3) in expected  # slot 8, whose next observation is in slot 9
    drawn = buffer.sample(np.random.default_rng(0), 500).observations["id"]
    assert [1, 3] in drawn.tolist()


def test_a_transition_that_straddles_the_end_of_the_ring_is_whole() -> None:
    buffer, expected = filled(capacity=6, lengths=[3, 4])  # slots 4, 5, 0, 1, 2
    batch = buffer.sample(np.random.default_rng(0), 200)
    assert expected == {(1, step) for step in range(4)}
    np.testing.assert_array_equal(batch.next_observations["id"], batch.observations["id"] + NEXT)


def test_sampling_is_uniform() -> None:
    buffer, expected = filled(capacity=30, lengths=[5, 1, 9, 2])
    drawn = buffer.sample(np.random.default_rng(0), 17_000).observations["id"]
    _, counts = np.unique(drawn, axis=0, return_counts=True)
    assert len(counts) == len(expected) == 17
    assert np.abs(counts - 1000).max() < 150


def test_truncated_episodes_bootstrap_and_terminated_ones_do_not() -> None:
    buffer, _ = filled(capacity=20, lengths=[3, 3])  # episode 0 terminates, episode 1 does not
    batch = buffer.sample(np.random.default_rng(0), 500)
    episode, step = batch.observations["id"].T
    np.testing.assert_array_equal(batch.masks, 1.0 - ((episode == 0) & (step == 2)))


def test_sample_many_has_independent_batches() -> None:
    buffer, _ = filled(capacity=200, lengths=[150])
    batch = buffer.sample_many(np.random.default_rng(0), 3, 8)
    assert batch.observations["id"].shape == (3, 8, 2)
    assert batch.actions.shape == (3, 8, 2)
    assert batch.rewards.shape == batch.masks.shape == batch.is_demo.shape == (3, 8)
    assert len(np.unique(batch.rewards, axis=0)) == 3
    np.testing.assert_array_equal(batch.next_observations["id"], batch.observations["id"] + NEXT)


def test_the_same_generator_gives_the_same_batch() -> None:
    buffer, _ = filled(capacity=50, lengths=[40])
    first, second = (buffer.sample(np.random.default_rng(7), 16) for _ in range(2))
    np.testing.assert_array_equal(first.rewards, second.rewards)


def test_samples_do_not_change_when_the_ring_is_overwritten() -> None:
    buffer, _ = filled(capacity=8, lengths=[7])
    batch = buffer.sample(np.random.default_rng(0), 20)
    before = batch.observations["id"].copy()
    buffer.add_episode(**episode_arguments(1, 7))
    np.testing.assert_array_equal(batch.observations["id"], before)


@given(st.lists(st.booleans(), max_size=20))
def test_human_segments_cover_exactly_the_human_steps(intervened: list[bool]) -> None:
    segments = human_segments(np.array(intervened, np.bool_))
    covered = np.zeros(len(intervened), np.bool_)
    for segment in segments:
        covered[segment] = True
    np.testing.assert_array_equal(covered, intervened)
    assert all(a.stop < b.start for a, b in itertools.pairwise(segments))


def test_interventions_keep_the_image_before_the_takeover() -> None:
    buffer = ReplayBuffer(40, SPEC, 2)
    arguments = episode_arguments(0, 10)
    arguments["intervened"] = np.isin(np.arange(10), [2, 3, 7, 9])
    buffer.add_interventions(**arguments)
    batch = buffer.sample(np.random.default_rng(0), 300)
    steps = batch.observations["id"][:, 1]
    assert set(steps.tolist()) == {2, 3, 7, 9}
    assert batch.intervened.all()
    np.testing.assert_array_equal(batch.next_observations["id"][:, 1], steps + 1)
    np.testing.assert_array_equal(batch.masks, steps != 9)


def test_every_step_keeps_when_it_came_in() -> None:
    online, demos = ReplayBuffer(40, SPEC, 2), ReplayBuffer(40, SPEC, 2)
    demos.add_episode(**episode_arguments(0, 5))
    for episode in (1, 2, 3):
        arguments = episode_arguments(episode, 6)
        online.add_episode(**arguments, born=100 * episode)
        demos.add_interventions(**arguments, born=100 * episode)
    batch = MixedSampler(online, demos).sample_many(np.random.default_rng(0), 3, 50)
    assert batch.born is not None
    np.testing.assert_array_equal(batch.born, 100 * batch.observations["id"][..., 0])
    assert set(np.unique(batch.born[batch.is_demo])) == {0, 100, 200, 300}


@pytest.mark.parametrize(("n", "from_demos"), [(2, 1), (8, 4), (9, 4), (1, 0)])
def test_batches_are_half_demonstrations(n: int, from_demos: int) -> None:
    online, _ = filled(20, [5])
    demos = ReplayBuffer(20, SPEC, 2)
    demos.add_episode(**episode_arguments(99, 5))
    batch = MixedSampler(online, demos).sample_many(np.random.default_rng(0), 4, n)
    np.testing.assert_array_equal(batch.is_demo.sum(axis=1), [from_demos] * 4)
    np.testing.assert_array_equal(batch.observations["id"][..., 0] == 99, batch.is_demo)


def test_an_empty_half_is_taken_from_the_other() -> None:
    full, _ = filled(20, [5])
    empty = ReplayBuffer(20, SPEC, 2)
    rng = np.random.default_rng(0)
    assert MixedSampler(empty, full).sample(rng, 6).is_demo.all()
    assert not MixedSampler(full, empty).sample(rng, 6).is_demo.any()
    with pytest.raises(ValueError, match="empty"):
        MixedSampler(empty, empty).sample(rng, 6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rewards": np.zeros(3)}, "rewards has shape"),
        ({"actions": np.zeros((4, 3))}, "actions has shape"),
        ({"observations": {"id": np.zeros((4, 2), np.int64)}}, "id has shape"),
        ({"observations": {"id": np.zeros((5, 2), np.float64)}}, "id is float64"),
        ({"observations": {}}, "expected"),
        ({"actions": np.zeros((0, 2))}, "0 steps"),
    ],
)
def test_wrong_arrays_are_refused_and_change_nothing(change: dict[str, Any], message: str) -> None:
    buffer = ReplayBuffer(10, SPEC, 2)
    with pytest.raises(ValueError, match=message):
        buffer.add_episode(**{**episode_arguments(0, 4), **change})
    assert len(buffer) == 0


def test_an_episode_longer_than_the_ring_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        ReplayBuffer(5, SPEC, 2).add_episode(**episode_arguments(0, 5))


def test_memory_is_what_was_promised() -> None:
    spec = {"wrist": ((8, 8, 8), np.float16), "tcp_pose": ((7,), np.float32)}
    buffer = ReplayBuffer(100, spec, 6)
    buffer.add_episode(
        observations={
            "wrist": np.zeros((100, 8, 8, 8), np.float16),
            "tcp_pose": np.zeros((100, 7), np.float32),
        },
        actions=np.zeros((99, 6)),
        rewards=np.zeros(99),
        terminated=np.zeros(99, np.bool_),
        intervened=np.zeros(99, np.bool_),
        toggles=np.zeros(99, np.uint8),
    )
    arrays = [a for a in vars(buffer).values() if isinstance(a, np.ndarray)]
    held = sum(a.nbytes for a in [*arrays, *buffer._observations.values()])
    assert 0 <= bytes_needed(100, spec, 6) - held <= 8
