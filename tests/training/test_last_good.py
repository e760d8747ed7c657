"""A learner whose losses stop being numbers goes back to what it was."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from hilctl.agents.options import RLPDOptions
from hilctl.agents.rlpd import RLPD
from hilctl.data.replay import ReplayBuffer
from hilctl.errors import DataError, HilctlError
from hilctl.networks.perception import STATE
from hilctl.task.sections import CHUNK_STEPS

# of the sizes of the agents' contract: what is compiled for that is not compiled again
from hilctl.testing.agents import ACTIONS, TRANSITIONS, UPDATES, observations
from hilctl.training.last_good import FAULTS_IN_A_ROW, REMEMBER_EVERY
from hilctl.training.learner import Learner
from hilctl.training.trajectory import Trajectory


def demonstration(steps: int = 8) -> Trajectory:
    rng = np.random.default_rng(0)
    ends = np.arange(steps) == steps - 1
    return Trajectory(
        observations(rng, steps + 1),
        rng.uniform(-1, 1, (steps, ACTIONS.size)).astype(np.float32),
        ends.astype(np.float32),
        ends,
        np.ones(steps, bool),
        np.zeros(steps, np.uint8),
    )


def learner(faults: Path) -> Learner:
    example = observations(np.random.default_rng(0))
    shapes: dict[str, Any] = {name: (array.shape, array.dtype) for name, array in example.items()}
    made = Learner(
        RLPD.create(jax.random.key(0), example, ACTIONS, RLPDOptions()),
        ReplayBuffer(100, shapes, ACTIONS.size),
        ReplayBuffer(100, shapes, ACTIONS.size),
        np.random.default_rng(0),
        updates_per_step=UPDATES // CHUNK_STEPS,
        batch=TRANSITIONS,
        faults=faults,
    )
    made.add_demonstration(demonstration())
    return made


def broken(one: RLPD) -> RLPD:
    poisoned: RLPD = one.replace(actor=jax.tree.map(lambda x: x * math.nan, one.actor))
    return poisoned


def is_whole(one: Any) -> bool:
    return all(bool(np.isfinite(leaf).all()) for leaf in jax.tree.leaves(one.acting()))


def test_updates_that_are_no_numbers_are_undone_and_their_batch_is_kept(tmp_path: Path) -> None:
    learning = learner(tmp_path / "faults")
    learning.learn_chunk()
    updates, metrics = learning.updates, learning.metrics
    whole: Any = learning.agent
    learning.agent = broken(whole)
    learning.learn_chunk()
    assert is_whole(learning.agent)
    assert (learning.faults, learning.updates, learning.metrics) == (1, updates, metrics)
    with np.load(tmp_path / "faults" / "batch_0001.npz", allow_pickle=False) as kept:
        assert kept["actions"].shape[-1] == ACTIONS.size
        assert {"observations.wrist", "next_observations.state"} <= set(kept.files)
    learning.learn_chunk()
    assert learning.updates > updates


def test_a_copy_is_trusted_only_after_it_has_proved_itself(tmp_path: Path) -> None:
    learning = learner(tmp_path)
    for _ in range(REMEMBER_EVERY - 1):
        learning.learn_chunk()
    agent: Any = learning.agent
    learning._last_good.remember(broken(agent))  # as if the last gradient had been infinite
    learning.agent = broken(agent)
    learning.learn_chunk()
    assert is_whole(learning.agent)


def test_data_that_are_no_numbers_end_the_training_with_the_file_to_look_at(
    tmp_path: Path,
) -> None:
    learning = learner(tmp_path)
    poisoned = demonstration()
    poisoned.observations[STATE][:] = math.nan
    learning.add_rollout(poisoned)
    for _ in range(FAULTS_IN_A_ROW - 1):
        learning.learn_chunk()
    with pytest.raises(DataError, match="not numbers") as caught:
        learning.learn_chunk()
    assert str(tmp_path) in str(caught.value.where)
    assert len(list(tmp_path.glob("*.npz"))) == FAULTS_IN_A_ROW


def test_nothing_is_kept_of_a_run_whose_folder_is_gone(tmp_path: Path) -> None:
    learning = learner(tmp_path / "run" / "faults")
    learning.agent = broken(learning.agent)
    with pytest.raises(HilctlError, match=r"run.faults"):
        learning.learn_chunk()
    assert not list(tmp_path.iterdir())


def test_a_rehearsal_changes_nothing(tmp_path: Path) -> None:
    rehearsed, fresh = learner(tmp_path), learner(tmp_path)
    rehearsed.rehearse()
    for one in (rehearsed, fresh):
        one.learn_chunk()
    assert rehearsed.updates == fresh.updates
    leaves = [jax.tree.leaves(one.agent.acting()) for one in (rehearsed, fresh)]
    for mine, other in zip(*leaves, strict=True):
        np.testing.assert_array_equal(mine, other)
