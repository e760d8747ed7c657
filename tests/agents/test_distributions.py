"""The squashed Gaussian's density is a density."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hilctl.networks.distributions import EDGE, log_prob, sample_with_log_prob

PARAMETERS = [(0.0, -1.5), (0.4, -0.5), (-0.8, -1.0), (0.1, -3.0)]


@pytest.mark.parametrize(("mean", "log_std"), PARAMETERS)
def test_the_density_integrates_to_one(mean: float, log_std: float) -> None:
    actions = np.linspace(-1 + EDGE, 1 - EDGE, 20_001)[:, None]
    density = np.exp(log_prob(actions, jnp.array([mean]), jnp.array([log_std])))
    inside = float(np.trapezoid(density, actions[:, 0]))
    # what lies beyond the pulled-in edges, from the Gaussian itself
    raw = np.arctanh(1 - EDGE)
    noise = np.random.default_rng(0).normal(mean, np.exp(log_std), 200_000)
    assert inside == pytest.approx(np.mean(np.abs(noise) <= raw), abs=0.005)


@pytest.mark.parametrize(("mean", "log_std"), PARAMETERS)
def test_the_density_is_the_share_of_samples_in_a_small_interval(
    mean: float, log_std: float
) -> None:
    means, log_stds = jnp.full((200_000, 1), mean), jnp.full((200_000, 1), log_std)
    actions, _ = sample_with_log_prob(jax.random.key(0), means, log_stds)
    centre, half = float(np.tanh(mean)) - 0.02, 0.02
    share = float(np.mean(np.abs(np.asarray(actions) - centre) < half))
    grid = np.linspace(centre - half, centre + half, 101)[:, None]
    density = np.exp(log_prob(grid, means[:1], log_stds[:1]))
    assert share == pytest.approx(float(np.trapezoid(density, grid[:, 0])), rel=0.05)


def test_samples_come_with_their_own_density() -> None:
    mean = jnp.array([[0.2, -0.4], [0.0, 0.6]])
    log_std = jnp.array([[-1.0, -1.5], [-2.0, -0.8]])
    actions, told = sample_with_log_prob(jax.random.key(1), mean, log_std)
    np.testing.assert_allclose(told, log_prob(actions, mean, log_std), rtol=1e-3, atol=1e-3)
    assert told.shape == (2,)


def test_dimensions_are_independent() -> None:
    action, mean = jnp.array([0.3, -0.2]), jnp.array([0.1, 0.0])
    log_std = jnp.array([-1.0, -0.5])
    apart = sum(log_prob(action[i : i + 1], mean[i : i + 1], log_std[i : i + 1]) for i in (0, 1))
    np.testing.assert_allclose(log_prob(action, mean, log_std), apart, rtol=1e-5)


def test_the_edges_have_finite_densities_and_gradients() -> None:
    def loss(mean: jax.Array) -> jax.Array:
        return log_prob(jnp.array([1.0, -1.0]), mean, jnp.array([-1.5, -1.5]))

    value, gradient = jax.value_and_grad(loss)(jnp.zeros(2))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert gradient[0] > 0 > gradient[1]
    _, far = sample_with_log_prob(jax.random.key(0), jnp.full(1, 40.0), jnp.full(1, -1.5))
    assert np.isfinite(far)
