"""A gripper toggles when it is measured to turn round, whoever told it and whatever it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from episode_samples import make_steps, write_episode
from hypothesis import given
from hypothesis import strategies as st

from hilctl.data.episode import Episode
from hilctl.data.toggles import TURNED, toggles
from hilctl.pipeline.features import trajectory_from


def counted(*openings: float) -> list[int]:
    return toggles({"gripper": np.array(openings)[:, None]}).tolist()


@pytest.mark.parametrize(
    ("openings", "expected"),
    [
        ([1, 0.8, 0.4, 0, 0], [1, 0, 0, 0]),  # once, when it begins
        ([1, 0.7, 0.6, 0.6, 0.6], [1, 0, 0, 0]),  # something wide is in between
        ([0, 0, 0.3, 1], [0, 1, 0]),  # it began closed
        ([1, 0.5, 0, 0.4, 1], [1, 0, 1, 0]),
        ([1, 0.5, 0.9, 0.5], [1, 1, 1]),
        ([1, 0.98, 1, 0.97], [0, 0, 0]),  # it shakes
        ([1, 0.5, 0.5, 0.1], [1, 0, 0]),  # what it held is gone
    ],
)
def test_a_stroke_counts_once_when_it_begins(
    openings: Sequence[float], expected: list[int]
) -> None:
    assert counted(*openings) == expected


def test_a_slow_gripper_toggles_as_a_quick_one_does() -> None:
    slow = counted(*np.linspace(1, 0, 60), *np.linspace(0, 1, 60))
    assert sum(slow) == sum(counted(1, 0, 1)) == 2


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_nothing_smaller_than_a_turn_counts_and_turns_alternate(openings: list[float]) -> None:
    steps = np.flatnonzero(counted(*openings))
    rises = [openings[step + 1] > openings[step] for step in steps]
    assert all(a != b for a, b in pairwise(rises))
    assert not any(counted(*(TURNED * opening for opening in openings)))


def test_toggles_of_several_arms_add_up_and_other_measurements_are_none() -> None:
    states = {
        "left/gripper": np.array([[1.0], [0.5], [0.0], [0.0]]),
        "right/gripper": np.array([[1.0], [0.5], [0.5], [1.0]]),
        "left/tcp_pose": np.random.default_rng(0).normal(size=(4, 7)),
    }
    assert toggles(states).tolist() == [2, 0, 1]
    assert toggles({"tcp_pose": states["left/tcp_pose"]}).tolist() == [0, 0, 0]


def test_they_are_found_in_a_recorded_episode_whoever_was_in_charge(tmp_path: Path) -> None:
    openings = [1, 0.6, 0.2, 0.2, 0.6, 1]
    steps = make_steps(len(openings) - 1)
    seen = [*(step.observation for step in steps), steps[-1].next_observation]
    seen = [
        replace(one, state={**one.state, "gripper": np.array([opening])})
        for one, opening in zip(seen, openings, strict=True)
    ]
    steps = [
        replace(step, observation=seen[i], next_observation=seen[i + 1])
        for i, step in enumerate(steps)
    ]
    episode = Episode.read(write_episode(tmp_path, steps))
    assert trajectory_from(episode, {}).toggles.tolist() == [1, 0, 0, 1, 0]
    assert {step.intervened for step in steps} == {False, True}
