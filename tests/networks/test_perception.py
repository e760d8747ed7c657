"""What the policy sees does not depend on where the base stands, and survives storage."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilctl import geometry
from hilctl.networks.perception import STATE, Perception, pose_vector, state_vectors

KEYS = ("tcp_pose", "tcp_velocity", "tcp_wrench")

vectors = st.tuples(*[st.floats(-1, 1)] * 3)


def states(seed: int, steps: int = 6) -> dict[str, np.ndarray]:
    """Return an episode of a tool that wanders about half a metre in front of the base."""
    rng = np.random.default_rng(seed)
    poses = [
        geometry.pose(
            rng.normal([0.5, 0, 0.2], 0.05),
            geometry.quat_from_rotvec(rng.normal([np.pi - 0.1, 0, 0], 0.1)),
        )
        for _ in range(steps)
    ]
    return {
        "tcp_pose": np.stack(poses),
        "tcp_velocity": rng.normal(0, 0.1, (steps, 6)),
        "tcp_wrench": rng.normal(0, 5, (steps, 6)),
    }


def seen_from(T_new_base: np.ndarray, episode: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the same episode measured by a base that stands elsewhere."""
    poses = np.stack([geometry.compose(T_new_base, p) for p in episode["tcp_pose"]])
    turn = geometry.quat_to_matrix(T_new_base[3:])
    velocity = np.concatenate([v @ turn.T for v in np.split(episode["tcp_velocity"], 2, 1)], 1)
    return {**episode, "tcp_pose": poses, "tcp_velocity": velocity}


def features(steps: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=(steps, 3, 3, 10)).astype("f2") for name in ("wrist", "side")}


@settings(deadline=None, max_examples=30)
@given(vectors, vectors)
def test_relative_states_do_not_depend_on_where_the_base_stands(
    position: tuple[float, ...], rotvec: tuple[float, ...]
) -> None:
    moved = seen_from(geometry.pose(position, geometry.quat_from_rotvec(rotvec)), states(0))
    here = state_vectors(states(0), KEYS, relative=True)
    there = state_vectors(moved, KEYS, relative=True)
    np.testing.assert_allclose(here, there, atol=1e-5)


def test_absolute_states_do_depend_on_it() -> None:
    moved = seen_from(geometry.pose([0.1, 0, 0], [0, 0, 0, 1]), states(0))
    here = state_vectors(states(0), KEYS, relative=False)
    assert not np.allclose(here, state_vectors(moved, KEYS, relative=False), atol=1e-3)


def test_an_episode_starts_at_the_origin_of_its_relative_frame() -> None:
    first = state_vectors(states(0), ["tcp_pose"], relative=True)[0]
    np.testing.assert_allclose(first, [0, 0, 0, 1, 0, 0, 0, 1, 0], atol=1e-6)


def test_a_move_along_the_tool_is_a_move_along_z_however_the_tool_is_held() -> None:
    start = geometry.pose([0.5, 0.1, 0.2], geometry.quat_from_rpy([2.0, 0.3, -1.0]))
    ahead = geometry.compose(start, geometry.pose([0, 0, 0.03], [0, 0, 0, 1]))
    np.testing.assert_allclose(pose_vector(ahead, start)[:3], [0, 0, 0.03], atol=1e-12)


def test_velocities_are_turned_into_the_tool_frame_both_halves_alike() -> None:
    held = geometry.quat_from_rpy([np.pi, 0, np.pi / 2])  # tool x along base y, tool z down
    episode = {
        "tcp_pose": geometry.pose([0.5, 0, 0.2], held)[None],
        "tcp_velocity": np.array([[0.0, 0.1, -0.2, 0.3, 0.0, -0.4]]),
    }
    turned = state_vectors(episode, ["tcp_velocity"], relative=True)[0]
    np.testing.assert_allclose(turned, [0.1, 0, 0.2, 0, 0.3, 0.4], atol=1e-6)
    kept = state_vectors(episode, ["tcp_velocity"], relative=False)[0]
    np.testing.assert_allclose(kept, episode["tcp_velocity"][0], atol=1e-6)


@pytest.fixture(scope="module")
def perception() -> Perception:
    episodes = [states(seed) for seed in range(8)]
    return Perception.fit(features(48), episodes, keys=KEYS, relative=True, channels=4)


def test_demonstrations_are_seen_normalised(perception: Perception) -> None:
    seen = [perception(features(6), states(seed))[STATE] for seed in range(8)]
    varied = np.concatenate(seen)
    assert varied.dtype == np.float32
    np.testing.assert_allclose(varied.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(varied.std(axis=0), 1, atol=0.02)


def test_shapes_are_what_the_networks_take(perception: Perception) -> None:
    seen = perception(features(6), states(0))
    assert seen["wrist"].shape == (6, 3, 3, 4)
    assert seen["wrist"].dtype == np.float16
    assert seen[STATE].shape == (6, len(perception.mean)) == (6, 21)


def test_one_instant_is_seen_as_in_the_whole_episode(perception: Perception) -> None:
    episode, pictures = states(3), features(6, seed=3)
    whole = perception(pictures, episode)
    first = {name: values[0] for name, values in episode.items()}
    for t in range(6):
        now = perception(
            {name: array[t : t + 1] for name, array in pictures.items()},
            {name: array[t : t + 1] for name, array in episode.items()},
            first,
        )
        for name in whole:
            np.testing.assert_array_equal(now[name][0], whole[name][t])


def test_a_quantity_that_never_moved_is_not_blown_up() -> None:
    still = [{**states(seed), "tcp_wrench": np.zeros((6, 6))} for seed in range(3)]
    fitted = Perception.fit(features(18), still, keys=KEYS, relative=True, channels=2)
    touched = {**still[0], "tcp_wrench": np.full((6, 6), 1e-5)}
    assert np.abs(fitted(features(6), touched)[STATE][:, -6:]).max() < 0.1
    assert np.abs(fitted(features(6), states(0))[STATE]).max() <= 10


def test_storage_and_back_sees_the_same(perception: Perception) -> None:
    rebuilt = Perception.from_arrays(
        perception.arrays(), cameras=["wrist", "side"], keys=KEYS, relative=True
    )
    before, after = perception(features(6), states(1)), rebuilt(features(6), states(1))
    assert before.keys() == after.keys()
    for name in before:
        np.testing.assert_array_equal(before[name], after[name])


def with_arms(arms: Mapping[str, dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {f"{arm}/{key}": of[key] for arm, of in arms.items() for key in of}


def keys_of(*arms: str) -> list[str]:
    return [f"{arm}/{key}" for arm in arms for key in KEYS]


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 3), st.lists(st.tuples(vectors, vectors), min_size=3, max_size=3))
def test_each_arm_is_seen_from_its_own_start_wherever_the_bases_stand(
    count: int, stands: list[tuple[tuple[float, ...], tuple[float, ...]]]
) -> None:
    names = ["left", "right", "top"][:count]
    arms = {name: states(seed) for seed, name in enumerate(names)}
    moved = {
        name: seen_from(geometry.pose(position, geometry.quat_from_rotvec(turn)), arms[name])
        for name, (position, turn) in zip(names, stands, strict=False)
    }
    before = state_vectors(with_arms(arms), keys_of(*names), relative=True)
    after = state_vectors(with_arms(moved), keys_of(*names), relative=True)
    np.testing.assert_allclose(before, after, atol=2e-5)


@pytest.mark.parametrize("count", [2, 3])
def test_all_arms_together_are_seen_as_each_of_them_alone(count: int) -> None:
    names = ["left", "right", "top"][:count]
    arms = {name: states(seed) for seed, name in enumerate(names)}
    alone = [state_vectors(one, KEYS, relative=True) for one in arms.values()]
    together = state_vectors(with_arms(arms), keys_of(*names), relative=True)
    np.testing.assert_array_equal(together, np.concatenate(alone, axis=1))


@pytest.mark.parametrize("count", [2, 3])
def test_one_arms_motion_is_its_own(count: int) -> None:
    names = ["left", "right", "top"][:count]
    arms = {name: states(seed) for seed, name in enumerate(names)}
    seen = state_vectors(with_arms(arms), keys_of(*names), relative=True)
    other = state_vectors(with_arms({**arms, "right": states(9)}), keys_of(*names), relative=True)
    width = seen.shape[1] // count
    changed = (seen != other).any(axis=0)
    assert changed[width : 2 * width].any()
    assert not changed[:width].any()
    assert not changed[2 * width :].any()
