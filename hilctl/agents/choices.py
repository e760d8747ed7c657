"""The discrete parts of an action: where they are, and what is chosen in them."""

from __future__ import annotations

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from hilctl.task.layout import ActionLayout

Array = NDArray[np.float32]


def continuous_columns(actions: ActionLayout) -> NDArray[np.int64]:
    """Return which numbers of an action can be anything in [-1, 1]."""
    return actions.indices_of(part for part in actions.parts if part.choices is None)


def discrete_parts(actions: ActionLayout) -> list[tuple[int, tuple[float, ...]]]:
    """Return the column and the choices of every number that is one of several."""
    return [
        (column, part.choices)
        for part in actions.parts
        if part.choices is not None
        for column in range(actions.size)[actions.slice_of(part)]
    ]


def joint_choices(actions: ActionLayout) -> Array:
    """Return (C, D) all that can be chosen in the D discrete numbers together: 3^n of n grippers.

    What moves fewest of them stands first, so that the first of equals leaves them alone.
    """
    every = product(*(choices for _, choices in discrete_parts(actions)))
    return np.array(sorted(every, key=lambda joint: sum(map(abs, joint))), np.float32)


def chosen_jointly(numbers: jax.Array, table: Array) -> jax.Array:
    """Return the (...) rows of a table of joint choices that are nearest to (..., D) numbers."""
    return jnp.abs(numbers[..., None, :] - table).sum(axis=-1).argmin(axis=-1)


def log_likelihood(numbers: jax.Array, choices: tuple[float, ...], logits: jax.Array) -> jax.Array:
    """Return the (...) log probability of (...) numbers, each the nearest of its choices."""
    chosen = jnp.abs(numbers[..., None] - jnp.asarray(choices)).argmin(axis=-1)
    probability = jax.nn.log_softmax(logits)
    return jnp.take_along_axis(probability, chosen[..., None], axis=-1)[..., 0]
