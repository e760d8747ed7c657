"""Augment cached features: DrQ's random shift (Kostrikov et al. 2021) in feature space."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp


def random_shift(key: jax.Array, maps: Any, reach_cells: float) -> jax.Array:
    """Shift each feature map by its own random fraction of a cell, edges repeated.

    Args:
        key: random key.
        maps: (N, rows, columns, K).
        reach_cells: largest shift in cells; 0.25 of an 8×8 map is 4 px of a 128 px picture.

    Returns:
        (N, rows, columns, K), bilinearly interpolated.
    """
    maps = maps.astype(jnp.float32)  # half precision is emulated, and slow, on CPUs
    shifts = jax.random.uniform(key, (2, maps.shape[0], 1, 1, 1), minval=-1, maxval=1) * reach_cells
    return _shift_axis(_shift_axis(maps, shifts[0], 1), shifts[1], 2)


def _shift_axis(maps: jax.Array, shift: jax.Array, axis: int) -> jax.Array:
    size = maps.shape[axis]
    before = jnp.concatenate([_cut(maps, axis, 0, 1), _cut(maps, axis, 0, size - 1)], axis)
    after = jnp.concatenate([_cut(maps, axis, 1, size), _cut(maps, axis, size - 1, size)], axis)
    weight = jnp.abs(shift).astype(maps.dtype)
    return maps * (1 - weight) + jnp.where(shift > 0, after, before) * weight


def _cut(maps: jax.Array, axis: int, start: int, stop: int) -> jax.Array:
    return jax.lax.slice_in_dim(maps, start, stop, axis=axis)
