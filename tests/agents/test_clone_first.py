"""What IBRL and residual RL promise beyond the contract: both make a clone first."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import numpy as np
import pytest
from made_up_data import SEEN, batches, copied, create, greedy, one_by_one, rule, same, shown

from hilctl.data.batch import Batch
from hilctl.training.checkpoints import fill, leaves

CLONED = 40  # updates that make the clones of these tests
QUICK = {
    "clone_updates": CLONED,
    "learning_rate": 3e-3,
    "critic_width": 32,
    "initial_temperature": 1e-4,
}
pytestmark = pytest.mark.slow  # two learners to compile: a minute and a half
clone_first = pytest.mark.parametrize("kind", ["ibrl", "residual"])


@cache
def _cloned(kind: str) -> Any:
    agent: Any = create(kind, **QUICK)
    for seed in range(CLONED // 20):
        agent, _ = agent.update(shown(seed=seed))
    return agent


def cloned(kind: str) -> Any:
    """Return an agent of one's own that has just made its clone."""
    return jax.tree.map(lambda leaf: leaf.copy(), _cloned(kind))


@clone_first
def test_the_first_updates_make_the_clone_and_nothing_else(kind: str) -> None:
    agent: Any = create(kind, **QUICK)
    before = copied({"critic": agent.critic, "actor": agent.actor, "base": agent.base.params})
    agent, _ = agent.update(shown())
    assert same(before["critic"], agent.critic)
    assert same(before["actor"], agent.actor)
    assert not same(before["base"], agent.base.params)


@clone_first
def test_a_clone_that_is_made_is_frozen_and_the_rest_learns(kind: str) -> None:
    agent = cloned(kind)
    before = copied({"critic": agent.critic, "actor": agent.actor, "base": agent.base.params})
    agent, _ = agent.update(shown())
    assert same(before["base"], agent.base.params)
    assert not same(before["critic"], agent.critic)
    assert not same(before["actor"], agent.actor)


@clone_first
def test_a_clone_follows_the_humans_rule(kind: str) -> None:
    mode = np.asarray(cloned(kind).base.likeliest(SEEN))
    assert np.abs(mode - rule(SEEN)).mean() < 0.25


def test_a_residual_starts_as_its_base() -> None:
    for agent in (create("residual", **QUICK), cloned("residual")):
        base = np.asarray(agent.base.likeliest(SEEN))
        np.testing.assert_allclose(greedy(agent), base, atol=1e-6)


def test_a_residual_stays_within_its_reach() -> None:
    agent = cloned("residual")
    for seed in range(5):
        agent, _ = agent.update(shown(seed=seed))
    base = np.asarray(agent.base.likeliest(SEEN))
    drawn = [
        [agent.act(one, jax.random.key(i), greedy=False) for one in one_by_one] for i in range(10)
    ]
    moved = np.abs(np.array(drawn) - base)
    assert 0.01 < moved.max() <= agent.options.reach + 1e-6


# compiled as a whole, which is quicker than piece by piece
@jax.jit
def proposed(agent: Any, seen: Any) -> tuple[jax.Array, jax.Array]:
    """Return what the learnt policy would do most likely, and what the clone would."""
    embedding = agent._embed(agent.average, seen)
    learnt = agent._propose(jax.random.key(0), agent.average["actor"], embedding, seen).mode
    return learnt, agent.base.likeliest(seen)


@jax.jit
def worth(agent: Any, seen: Any, actions: jax.Array) -> jax.Array:
    """Return what its critics think of some actions."""
    return agent._believed(seen, actions)


@jax.jit
def values_of_going_on(agent: Any) -> tuple[jax.Array, jax.Array]:
    """Return those of an IBRL agent, and those of its learnt policy alone."""
    key, both = jax.random.key(0), np.arange(agent.options.critics)
    alone = super(type(agent), agent)._next_value(key, SEEN, both)
    return agent._next_value(key, SEEN, both), alone


def test_ibrl_does_what_its_critics_think_the_better_of_two() -> None:
    agent = cloned("ibrl")
    for seed in range(5):
        agent, _ = agent.update(shown(seed=seed))
    chosen = []
    for one in one_by_one:
        action = agent.act(one, jax.random.key(0), greedy=True)
        learnt, base = proposed(agent, one)
        believed = np.min(worth(agent, one, np.stack([action, learnt, base])), axis=0)
        assert believed[0] >= believed[1:].max() - 1e-6
        chosen.append(bool(np.allclose(action, base, atol=1e-6)))
    assert len(set(chosen)) == 2, "one of both is always chosen: choose other seeds"


def test_ibrl_samples_where_its_critics_prefer_what_was_learnt() -> None:
    agent = cloned("ibrl")
    for seed in range(5):
        agent, _ = agent.update(shown(seed=seed))
    drawn = np.array(
        [[agent.act(one, jax.random.key(i), greedy=False) for i in range(10)] for one in one_by_one]
    )
    assert np.abs(drawn).max() <= 1
    assert drawn.std(axis=1).max() > 0.03


def test_ibrl_s_targets_count_the_better_of_two() -> None:
    agent = cloned("ibrl")
    for seed in range(5):
        agent, _ = agent.update(shown(seed=seed))
    value, alone = values_of_going_on(agent)
    base = np.min(worth(agent, SEEN, agent.base.likeliest(SEEN)[None])[:, 0], axis=0)
    np.testing.assert_allclose(value, np.maximum(base, alone), atol=1e-5)


@clone_first
def test_what_is_worth_more_is_learnt_beyond_the_clone(kind: str) -> None:
    # the human always does 0.2, and what is done is worth the more the larger it is
    def paid(k: int, seed: int) -> Batch:
        data = batches(k, 32, seed=seed, mask=0.0)
        actions = np.where(data.is_demo[..., None], 0.2, data.actions).astype(np.float32)
        return data._replace(actions=actions, rewards=(actions.mean(axis=-1) + 1) / 2)

    agent: Any = create(kind, **QUICK)
    for seed in range(20):
        agent, _ = agent.update(paid(20, seed))
    base = float(agent.base.likeliest(SEEN).mean())
    assert abs(base - 0.2) < 0.15
    assert greedy(agent).mean() > base + 0.15


@clone_first
def test_what_is_stored_knows_whether_the_clone_is_made(kind: str) -> None:
    one = jax.tree.map(lambda leaf: leaf.copy(), _cloned(kind))
    again = fill(create(kind, seed=3, **QUICK), leaves(one))
    one, _ = one.update(shown(seed=9))
    again, _ = again.update(shown(seed=9))
    assert same(leaves(one), leaves(again))
    assert int(again.base.updates) == CLONED
