"""Labelled frames: whole episodes are held out, and what is missing is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilctl.errors import DataError
from hilctl.rewards.frames import Memory, assign_folds, variety, what_is_missing


@given(
    kinds=st.lists(st.sampled_from(["both", "failure"]), min_size=4, max_size=20),
    heads=st.integers(2, 5),
    seed=st.integers(0, 5),
)
def test_no_episode_is_split_and_every_head_misses_some(
    kinds: list[str], heads: int, seed: int
) -> None:
    kinds = ["both", "both", *kinds]
    names = np.repeat([f"episode_{i}" for i in range(len(kinds))], 3)
    labels = np.concatenate([[False, False, kind == "both"] for kind in kinds])
    folds = assign_folds(labels, names, heads, seed)
    for name in np.unique(names):
        assert len(np.unique(folds[names == name])) == 1
    assert 2 <= len(np.unique(folds)) <= heads
    for head in np.unique(folds):
        assert labels[folds == head].any()
        assert (~labels[folds == head]).any()


def test_dealing_depends_on_the_seed_only() -> None:
    names = np.repeat([f"e{i}" for i in range(12)], 2)
    labels = np.tile([False, True], 12)
    np.testing.assert_array_equal(
        assign_folds(labels, names, 4, seed=1), assign_folds(labels, names, 4, seed=1)
    )
    assert (assign_folds(labels, names, 4, 1) != assign_folds(labels, names, 4, 2)).any()


def test_too_few_episodes_are_an_error_with_the_command() -> None:
    names = np.array(["a", "a", "b", "b"])
    with pytest.raises(DataError, match="success was seen in 1 episodes") as caught:
        assign_folds(np.array([True, False, False, False]), names, 4, 0)
    assert caught.value.hint == "hilctl record-labels"
    with pytest.raises(DataError, match="failure in 1"):
        assign_folds(np.array([True, False, True, True]), names, 4, 0)


def test_joined_frames_are_spared_by_no_head() -> None:
    memory = Memory(
        np.zeros((2, 3), np.float16), np.array([True, False]), np.array([0, 1]), np.ones(2)
    )
    more = memory.joined(np.ones((1, 3), np.float16), np.array([True]))
    assert more.folds.tolist() == [0, 1, -1]
    assert len(more.successes()) == 2


def test_variety_tells_one_spot_from_many() -> None:
    rng = np.random.default_rng(0)
    successes = rng.normal(0, 0.1, (20, 50))
    one_spot = 5 + rng.normal(0, 0.1, (40, 50))
    many = rng.normal(0, 3, (40, 50))
    labels = np.arange(60) < 20
    alike = variety(np.concatenate([successes, one_spot]), labels)
    varied = variety(np.concatenate([successes, many]), labels)
    assert alike is not None
    assert varied is not None
    assert alike < 0.1 < 0.8 < varied
    assert variety(many, np.zeros(40, bool)) is None


def test_what_is_missing_in_words() -> None:
    wanted = {"success": 200, "failure": 1000}
    text = what_is_missing({"success": 42, "failure": 1000}, wanted, 0.05)
    assert text == "42 of 200 success; all failures look alike"
    assert what_is_missing({"success": 200, "failure": 1200}, wanted, 0.8) == ""
    assert what_is_missing({}, wanted, None) == "0 of 200 success; 0 of 1000 failure"
