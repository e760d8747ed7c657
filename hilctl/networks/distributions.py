"""The tanh-squashed Gaussian of soft actor-critic (Haarnoja et al. 2018, appendix C)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

EDGE = 0.02  # an action of exactly ±1 has no finite pre-image


def sample_with_log_prob(
    key: jax.Array, mean: jax.Array, log_std: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Draw squashed actions.

    Args:
        key: random key.
        mean, log_std: (..., A), before squashing.

    Returns:
        (..., A) actions in (-1, 1) and their (...) log densities.
    """
    noise = jax.random.normal(key, mean.shape)
    raw = mean + jnp.exp(log_std) * noise
    gaussian = -0.5 * noise**2 - log_std - 0.5 * jnp.log(2 * jnp.pi)
    # log(1 − tanh²(x)) in a form that does not underflow
    squash = 2 * (jnp.log(2.0) - raw - jax.nn.softplus(-2 * raw))
    return jnp.tanh(raw), (gaussian - squash).sum(axis=-1)


def log_prob(action: Any, mean: jax.Array, log_std: jax.Array) -> jax.Array:
    """Return the (...) log density of (..., A) actions in [-1, 1]; the edges are pulled in."""
    raw = jnp.arctanh(jnp.clip(action, -1 + EDGE, 1 - EDGE))
    gaussian = -0.5 * ((raw - mean) / jnp.exp(log_std)) ** 2 - log_std - 0.5 * jnp.log(2 * jnp.pi)
    squash = 2 * (jnp.log(2.0) - raw - jax.nn.softplus(-2 * raw))
    return (gaussian - squash).sum(axis=-1)
