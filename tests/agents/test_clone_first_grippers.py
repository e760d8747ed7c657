"""IBRL and residual RL where a gripper is told to open or close: whose word counts."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from made_up_data import batches, copied, observations, same

from hilctl.agents import AGENTS
from hilctl.data.batch import Batch
from hilctl.task.layout import CLOSE, LEAVE, OPEN, ActionLayout, ActionPart

TOLD = (CLOSE, LEAVE, OPEN)
PUSH = ActionPart("push", "", "generic", 1)
LAYOUT = ActionLayout((ActionPart("gripper", "", "gripper", 1, TOLD), PUSH))
SEEN = [observations(np.random.default_rng(seed)) for seed in range(24)]
QUICK = {
    "clone_updates": 40,
    "learning_rate": 3e-3,
    "critic_width": 32,
    "shift_cells": 0.0,
    "gripper_exploration": 0.0,
}
clone_first = pytest.mark.parametrize("kind", ["ibrl", "residual"])


def create(kind: str) -> Any:
    cls: Any = AGENTS.get(kind)
    return cls.create(jax.random.key(0), SEEN[0], LAYOUT, cls.OptionsType(**QUICK))


def shown() -> Batch:
    """Return transitions of a person who closes or opens by the state's first number."""
    data = batches(k=20, n=32)
    first, second = np.moveaxis(np.asarray(data.observations["state"])[..., :2], -1, 0)
    grip = np.where(first < -0.4, CLOSE, np.where(first > 0.4, OPEN, LEAVE))
    actions = np.stack([grip, 0.8 * np.tanh(second)], axis=-1).astype(np.float32)
    toggles = np.zeros(data.rewards.shape, np.uint8)
    return data._replace(actions=actions, is_demo=np.ones_like(data.is_demo), toggles=toggles)


def beside_a_clone(kind: str) -> Any:
    """Return an agent that has learnt nothing but its clone."""
    agent, base = create(kind), None
    for _ in range(2):
        base, _ = (base or agent.base).update(shown())
    return agent.replace(base=base)


def acted(agent: Any, *, greedy: bool) -> np.ndarray:
    return np.array(
        [agent.act(seen, jax.random.key(i), greedy=greedy) for i, seen in enumerate(SEEN)]
    )


def cloned(agent: Any) -> np.ndarray:
    return np.array([agent.base.act(seen, jax.random.key(3), greedy=True) for seen in SEEN])


@pytest.mark.parametrize("greedy", [True, False])
def test_a_residual_corrects_the_motion_and_leaves_the_gripper_to_the_clone(greedy: bool) -> None:
    agent = beside_a_clone("residual")
    done, base = acted(agent, greedy=greedy), cloned(agent)
    assert set(base[:, 0]) == set(TOLD)
    np.testing.assert_array_equal(done[:, 0], base[:, 0])
    moved = np.abs(done[:, 1] - base[:, 1])
    assert moved.max() <= (1e-6 if greedy else agent.options.reach + 1e-6)
    assert greedy or moved.max() > 0.01
    assert "grippers" not in agent.critic


def test_ibrl_tells_the_gripper_what_they_say_whose_motion_it_takes() -> None:
    agent = beside_a_clone("ibrl")
    rng = np.random.default_rng(2)  # as they come, critics think the same of everything
    ensemble = jax.tree.map(
        lambda leaf: leaf + rng.normal(size=leaf.shape).astype(leaf.dtype),
        agent.target_critic["ensemble"],
    )
    agent = agent.replace(target_critic={**agent.target_critic, "ensemble": ensemble})
    done, base = acted(agent, greedy=False), cloned(agent)
    of_the_clone = np.isclose(done[:, 1], base[:, 1], atol=1e-5)
    np.testing.assert_array_equal(done[of_the_clone, 0], base[of_the_clone, 0])
    assert set(done[of_the_clone, 0]) == set(TOLD)
    # its own critic of grippers has learnt nothing and leaves them alone
    assert {*done[~of_the_clone, 0]} == {LEAVE}
    assert (base[~of_the_clone, 0] != LEAVE).any()


@clone_first
@pytest.mark.slow  # two learners to compile; without grippers they learn in test_clone_first.py
def test_both_learn_where_there_is_a_gripper(kind: str) -> None:
    agent = beside_a_clone(kind)
    before = copied({"base": agent.base.params, "critic": agent.critic, "actor": agent.actor})
    agent, told = agent.update(shown())
    assert same(before["base"], agent.base.params)
    assert not same(before["critic"], agent.critic)
    assert not same(before["actor"], agent.actor)
    assert ("gripper_loss" in told) is (kind == "ibrl")
    assert np.isfinite([*told.values()]).all()
