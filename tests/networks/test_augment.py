"""Random shifts of feature maps."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hilctl.networks.augment import random_shift

MAPS = np.random.default_rng(0).normal(size=(6, 5, 7, 3)).astype(np.float32)


def rolled(maps: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Return maps moved by whole cells, edges repeated: out[i] = in[i + shift]."""
    r = np.clip(np.arange(maps.shape[1]) + rows, 0, maps.shape[1] - 1)
    c = np.clip(np.arange(maps.shape[2]) + columns, 0, maps.shape[2] - 1)
    return maps[:, r][:, :, c]


def test_no_reach_is_the_identity() -> None:
    np.testing.assert_array_equal(random_shift(jax.random.key(0), MAPS, 0.0), MAPS)


@pytest.mark.parametrize("rows", [-1, 0, 1])
@pytest.mark.parametrize("columns", [-1, 0, 1])
def test_a_shift_by_whole_cells_rolls_with_edges_repeated(
    rows: int, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drawn(key: jax.Array, shape: tuple[int, ...], **bounds: float) -> jax.Array:
        sizes = jnp.array([rows, columns], jnp.float32).reshape(2, 1, 1, 1, 1)
        return jnp.broadcast_to(sizes, shape)

    monkeypatch.setattr(jax.random, "uniform", drawn)
    shifted = random_shift(jax.random.key(0), MAPS, 1.0)
    np.testing.assert_array_equal(shifted, rolled(MAPS, rows, columns))


def test_half_a_cell_lies_between_two_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax.random, "uniform", lambda key, shape, **bounds: jnp.ones(shape))
    shifted = np.asarray(random_shift(jax.random.key(0), MAPS, 0.5))
    down = (MAPS + rolled(MAPS, 1, 0)) / 2
    np.testing.assert_allclose(shifted, (down + rolled(down, 0, 1)) / 2, atol=1e-6)


def test_every_map_has_its_own_shift_within_its_own_range() -> None:
    same = np.repeat(MAPS[:1], 32, axis=0)
    shifted = np.asarray(random_shift(jax.random.key(1), same, 1.0))
    assert len({picture.tobytes() for picture in shifted}) == 32
    assert shifted.min() >= same.min()
    assert shifted.max() <= same.max()


def test_half_precision_is_shifted_in_single_precision() -> None:
    shifted = random_shift(jax.random.key(0), MAPS.astype(np.float16), 0.25)
    assert shifted.dtype == jnp.float32
    assert shifted.shape == MAPS.shape
    np.testing.assert_allclose(shifted, random_shift(jax.random.key(0), MAPS, 0.25), atol=5e-3)


def test_maps_of_several_batches_are_shifted_at_once() -> None:
    batches = np.repeat(MAPS[:1], 32, axis=0).reshape(2, 4, 4, *MAPS.shape[1:])
    shifted = np.asarray(random_shift(jax.random.key(1), batches, 1.0))
    assert shifted.shape == batches.shape
    assert len({picture.tobytes() for picture in shifted.reshape(32, -1)}) == 32
