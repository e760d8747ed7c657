"""Gradient steps on the heads: fixed shapes, so that new frames never cause a new compilation."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from hilctl.rewards.frames import ALL_HEADS, Memory
from hilctl.rewards.model import Heads

HIDDEN = 256
BATCH = 64  # frames per head and step, half of them successes
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 1e-2
LABEL_SMOOTHING = 0.02
FRESH_SHARE = 0.25  # of a class's frames, from those added since the first fit

_ADAM = optax.scale_by_adam()
Tree = dict[str, jax.Array]


def initial_heads(count: int, width: int, rng: np.random.Generator) -> Heads:
    """Draw K untrained heads for (N, `width`) frames (He et al. 2015, arXiv 1502.01852)."""
    hidden = rng.normal(0, np.sqrt(2 / width), (count, width, HIDDEN))
    output = rng.normal(0, np.sqrt(1 / HIDDEN), (count, HIDDEN))
    return Heads(
        hidden.astype(np.float32),
        np.zeros((count, HIDDEN), np.float32),
        output.astype(np.float32),
        np.zeros(count, np.float32),
    )


def train_heads(heads: Heads, memory: Memory, steps: int, rng: np.random.Generator) -> Heads:
    """Return the heads after `steps` of AdamW on class-balanced batches.

    Each head learns from all frames but those of its own fold. Loss: binary cross entropy with
    smoothed labels; the learning rate falls to zero along a cosine.
    """
    params: Tree = jax.device_put(heads.arrays())
    moments = _ADAM.init(params)
    pools = [_pools(memory, head) for head in range(len(heads))]
    for step in range(steps):
        rate = LEARNING_RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
        rows = np.stack([_draw(pool, rng) for pool in pools])
        params, moments = _step(params, moments, memory.frames[rows], np.float32(rate))
    return Heads(**{name: np.asarray(value) for name, value in params.items()})


def _pools(memory: Memory, head: int) -> list[list[NDArray[np.intp]]]:
    """Return for success and failure the rows of the first fit and the fresh ones.

    A fold is spared only where both kinds are left without it.
    """
    first = (memory.folds != head) & (memory.folds != ALL_HEADS)
    if len(np.unique(memory.labels[first])) < 2:
        first = memory.folds != ALL_HEADS
    fresh = memory.folds == ALL_HEADS
    return [
        [np.flatnonzero((memory.labels == label) & part) for part in (first, fresh)]
        for label in (True, False)
    ]


def _draw(pools: list[list[NDArray[np.intp]]], rng: np.random.Generator) -> NDArray[np.intp]:
    rows = []
    for first, fresh in pools:
        count = int(BATCH // 2 * FRESH_SHARE) if len(fresh) else 0
        rows.append(rng.choice(first, BATCH // 2 - count))
        rows.append(rng.choice(fresh, count) if count else fresh[:0])
    return np.concatenate(rows)


@jax.jit
def _step(
    params: Tree, moments: optax.OptState, frames: jax.Array, rate: jax.Array
) -> tuple[Tree, optax.OptState]:
    gradients = jax.grad(_loss)(params, frames.astype(jnp.float32))
    updates, moments = _ADAM.update(gradients, moments)
    params = jax.tree.map(lambda p, u: p - rate * (u + WEIGHT_DECAY * p), params, updates)
    return params, moments


def _loss(params: Tree, frames: jax.Array) -> jax.Array:
    hidden = jnp.einsum("knd,kdh->knh", frames, params["hidden"])
    hidden = jax.nn.relu(hidden + params["hidden_bias"][:, None])
    logits = jnp.einsum("knh,kh->kn", hidden, params["output"]) + params["output_bias"][:, None]
    labels = jnp.where(jnp.arange(BATCH) < BATCH // 2, 1 - LABEL_SMOOTHING, LABEL_SMOOTHING)
    return optax.sigmoid_binary_cross_entropy(logits, labels).mean(axis=1).sum()
