"""The sweep goes everywhere it can, at once where nobody was, and counts where it has been."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_task import make_task

from hilctl import geometry
from hilctl.data.step import Observation
from hilctl.env.safety import ActionLimiter, reset_pose
from hilctl.pipeline.record.sweep import CELLS, ArmSweep, Coverage
from hilctl.task.spec import TaskSpec

LOW, HIGH = np.array([0.4, -0.1, 0.1]), np.array([0.6, 0.1, 0.3])


@pytest.fixture
def spec(tmp_path: Path) -> TaskSpec:
    return make_task(tmp_path / "task").spec


def seen(pose: np.ndarray) -> Observation:
    return Observation({}, {"tcp_pose": pose}, 0, {})


def fly(spec: TaskSpec, steps: int, *, blocked_below_m: float = 0.0, seed: int = 0) -> Coverage:
    """Sweep with an arm that obeys at once, but cannot get below a height."""
    bounds = spec.control.bounds
    coverage = Coverage(np.array(bounds.low), np.array(bounds.high))
    policy = ArmSweep(spec.only_arm, coverage, np.random.default_rng(seed))
    limiter = ActionLimiter(spec.control, spec.reset)
    pose = reset_pose(spec.reset)
    policy.begin_episode(seen(pose))
    for _ in range(steps):
        action = policy.towards(pose)
        assert np.abs(action).max() <= 1 + 1e-9
        pose, _ = limiter.limit(pose, action)
        pose = geometry.pose([*pose[:2], max(pose[2], blocked_below_m)], pose[3:])
    return coverage


@given(points=st.lists(st.tuples(*[st.floats(-1, 1)] * 3), max_size=30))
def test_coverage_counts_every_position(points: list[tuple[float, float, float]]) -> None:
    coverage = Coverage(LOW, HIGH)
    shares = [coverage.share]
    for point in points:
        coverage.add(np.array(point))
        shares.append(coverage.share)
    assert coverage.visits.sum() == len(points)
    assert shares == sorted(shares)
    assert 0 <= shares[-1] <= 1


@given(cell=st.tuples(*[st.integers(0, CELLS - 1)] * 3), seed=st.integers(0, 100))
def test_a_place_in_a_cell_counts_for_that_cell(cell: tuple[int, int, int], seed: int) -> None:
    coverage = Coverage(LOW, HIGH)
    place = coverage.draw_inside(cell, np.random.default_rng(seed))
    assert ((place >= LOW) & (place <= HIGH)).all()
    coverage.add(place)
    assert coverage.visits[cell] == 1


def test_everything_is_visited(spec: TaskSpec) -> None:
    assert fly(spec, 1500).share == 1.0


def test_a_few_hundred_frames_see_most_of_it(spec: TaskSpec) -> None:
    assert fly(spec, 400).share > 0.7


def test_what_is_in_the_way_does_not_hold_it_up(spec: TaskSpec) -> None:
    low, high = spec.control.bounds.low[2], spec.control.bounds.high[2]
    coverage = fly(spec, 2000, blocked_below_m=low + 0.41 * (high - low))
    assert coverage.share == pytest.approx(0.6)


def test_poses_are_turned_as_far_as_the_bounds_allow(spec: TaskSpec) -> None:
    bounds = spec.control.bounds
    coverage = Coverage(np.array(bounds.low), np.array(bounds.high))
    policy = ArmSweep(spec.only_arm, coverage, np.random.default_rng(0))
    upright, turns = reset_pose(spec.reset), []
    for _ in range(300):
        policy.begin_episode(seen(upright))
        turns.append(geometry.rotation_between(upright, policy._target))
    spread = np.abs(turns).max(axis=0)
    assert (spread <= np.array(bounds.high[3:]) + 1e-9).all()
    assert (spread > 0.9 * np.array(bounds.high[3:])).all()


def test_new_places_come_first(spec: TaskSpec) -> None:
    bounds = spec.control.bounds
    coverage = Coverage(np.array(bounds.low), np.array(bounds.high))
    coverage.visits[:] = 1
    coverage.visits[3, 1, 4] = 0
    policy = ArmSweep(spec.only_arm, coverage, np.random.default_rng(0))
    policy.begin_episode(seen(reset_pose(spec.reset)))
    coverage.add(policy._target)
    assert coverage.visits[3, 1, 4] == 1
