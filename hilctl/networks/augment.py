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
    rows = _mixing(shifts[0].reshape(-1), maps.shape[1])
    columns = _mixing(shifts[1].reshape(-1), maps.shape[2])
    return jnp.einsum("nij,nkl,njlc->nikc", rows, columns, maps)


def _mixing(shifts: jax.Array, size: int) -> jax.Array:
    """Return (N, size, size) matrices that shift an axis by fractions of a cell.

    Small products of matrices: slices and `where` took twice the time of the update they are for.
    """
    stay = jnp.eye(size)
    # each cell takes its predecessor, the first itself
    before = jnp.eye(size, k=-1).at[0, 0].set(1.0)
    after = jnp.eye(size, k=1).at[-1, -1].set(1.0)
    forth, back = jnp.maximum(shifts, 0), jnp.maximum(-shifts, 0)
    return (
        jnp.einsum("n,ij->nij", 1 - forth - back, stay)
        + jnp.einsum("n,ij->nij", forth, after)
        + jnp.einsum("n,ij->nij", back, before)
    )
