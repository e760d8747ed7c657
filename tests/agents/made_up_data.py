"""Small observations, batches and agents for the tests of this folder."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from hilctl.agents import AGENTS
from hilctl.agents.base import Agent
from hilctl.data.batch import Batch

# of the contract's sizes: what is compiled for it is not compiled again
from hilctl.testing.agents import ACTIONS as PUSH
from hilctl.testing.agents import TRANSITIONS, UPDATES, observations

ACTIONS = PUSH.size
SEEN = observations(np.random.default_rng(5), 6)
one_by_one = [{name: array[i] for name, array in SEEN.items()} for i in range(6)]
WHOLE_REACH: dict[str, dict[str, Any]] = {"residual": {"reach": 1.0}}  # others have it anyway


def batches(
    k: int = UPDATES, n: int = TRANSITIONS, *, seed: int = 0, next_seed: int = 1, mask: float = 1.0
) -> Batch:
    """Return (k, n) random transitions; `next_seed` alone decides what they lead to."""
    rng = np.random.default_rng(seed)
    return Batch(
        observations(rng, k, n),
        observations(np.random.default_rng(next_seed), k, n),
        rng.uniform(-1, 1, (k, n, ACTIONS)).astype(np.float32),
        rng.integers(0, 2, (k, n)).astype(np.float32),
        np.full((k, n), mask, np.float32),
        np.zeros((k, n), bool),
        np.arange(n) % 2 == np.zeros((k, 1)),
    )


@cache
def _created(kind: str, seed: int, options: tuple[tuple[str, Any], ...]) -> Agent:
    cls = AGENTS.get(kind)
    example = observations(np.random.default_rng(0))
    return cls.create(jax.random.key(seed), example, PUSH, cls.OptionsType(**dict(options)))


def create(kind: str, seed: int = 0, *, log_std: float | None = None, **options: Any) -> Agent:
    """Return an agent of one's own, whose policy has the given log standard deviation."""
    agent: Any = jax.tree.map(jnp.copy, _created(kind, seed, tuple(sorted(options.items()))))
    if log_std is None:
        return agent
    if kind in ("bc", "hg-dagger"):
        return agent.replace(params=with_bias(agent.params, "log_std", log_std))
    average = with_bias(agent.average, "log_std", log_std)
    return agent.replace(actor=with_bias(agent.actor, "log_std", log_std), average=average)


def with_bias(params: Any, layer: str, value: float) -> Any:
    """Return the parameters with one layer's bias set, so that nothing is compiled anew."""
    flat = traverse_util.flatten_dict(params)
    for path, leaf in flat.items():
        if path[-2:] == (layer, "bias"):
            flat[path] = jnp.full_like(leaf, value)
    return traverse_util.unflatten_dict(flat)


def copied(tree: Any) -> Any:
    """Return arrays that outlive an update, which reuses its agent's memory."""
    return jax.tree.map(np.array, tree)


def same(one: Any, other: Any) -> bool:
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def shown(k: int = 20, n: int = 32, *, seed: int = 0) -> Batch:
    """Return transitions of a human who follows a rule, among those of a policy that does not."""
    data = batches(k, n, seed=seed)
    actions = np.where(data.is_demo[..., None], rule(data.observations), data.actions)
    return data._replace(actions=actions.astype(np.float32))


def rule(seen: dict[str, np.ndarray]) -> np.ndarray:
    return 0.8 * np.tanh(seen["state"][..., :ACTIONS])


def greedy(agent: Any) -> np.ndarray:
    return np.array([agent.act(one, jax.random.key(0), greedy=True) for one in one_by_one])
