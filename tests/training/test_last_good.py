"""A learner whose losses stop being numbers goes back to what it was."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from made_up_episodes import CAMERAS, GRID, perception, steps_of

from hilctl.agents.options import RLPDOptions
from hilctl.agents.rlpd import RLPD
from hilctl.data.replay import ReplayBuffer
from hilctl.errors import DataError
from hilctl.networks.perception import STATE
from hilctl.task.layout import ActionLayout
from hilctl.training.last_good import FAULTS_IN_A_ROW, REMEMBER_EVERY
from hilctl.training.learner import Learner
from hilctl.training.trajectory import trajectory_of

ACTIONS = ActionLayout.one_arm()
SEEN = perception()


def learner(faults: Path) -> Learner:
    shapes: dict[str, Any] = dict.fromkeys(CAMERAS, ((*GRID, 3), np.float16))
    shapes |= {STATE: ((len(SEEN.mean),), np.float32)}
    agent = RLPD.create(jax.random.key(0), SEEN.example(GRID), ACTIONS, RLPDOptions(batch=4))
    made = Learner(
        agent,
        ReplayBuffer(100, shapes, 6),
        ReplayBuffer(100, shapes, 6),
        np.random.default_rng(0),
        updates_per_step=1,
        batch=4,
        faults=faults,
    )
    made.add_demonstration(trajectory_of(steps_of(intervened=[True] * 8), SEEN))
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
        assert kept["actions"].shape[-1] == 6
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
    poisoned = trajectory_of(steps_of(intervened=[True] * 8), SEEN)
    poisoned.observations[STATE][:] = math.nan
    learning.add_rollout(poisoned)
    for _ in range(FAULTS_IN_A_ROW - 1):
        learning.learn_chunk()
    with pytest.raises(DataError, match="not numbers") as caught:
        learning.learn_chunk()
    assert str(tmp_path) in str(caught.value.where)
    assert len(list(tmp_path.glob("*.npz"))) == FAULTS_IN_A_ROW


def test_a_rehearsal_changes_nothing(tmp_path: Path) -> None:
    rehearsed, fresh = learner(tmp_path), learner(tmp_path)
    rehearsed.rehearse()
    for one in (rehearsed, fresh):
        one.learn_chunk()
    assert rehearsed.updates == fresh.updates
    leaves = [jax.tree.leaves(one.agent.acting()) for one in (rehearsed, fresh)]
    for mine, other in zip(*leaves, strict=True):
        np.testing.assert_array_equal(mine, other)
