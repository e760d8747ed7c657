"""The trainable networks: camera and state heads, critic ensemble, tanh-Gaussian actor.

Sizes follow the HIL-SERL reference settings (arXiv 2410.21845): hidden layers of 256 with LayerNorm
and tanh, a state head of 64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from hilctl.networks.perception import STATE

CAMERA_WIDTH = 128  # of a camera's embedding
SPATIAL_WIDTH = 256  # the same, after learned sums: the reference settings' bottleneck
LOG_STD_MIN = -11.5  # a std of 1e-5
LOG_STD_MAX = 1.6  # of 5: both are the reference settings'


def normalised_tanh(x: jax.Array) -> jax.Array:
    """Apply LayerNorm, then tanh."""
    return jnp.tanh(nn.LayerNorm()(x))


class SpatialEmbedding(nn.Module):
    """Learned weighted sums of each channel of a feature map over its positions.

    Source: the encoder of HIL-SERL (arXiv 2410.21845) and its reference implementation; the
    dropout of the latter is left out.

    Attributes:
        sums: of each channel.
    """

    sums: int = 8

    @nn.compact
    def __call__(self, maps: jax.Array) -> jax.Array:
        """Map (..., rows, columns, C) to (..., C, sums)."""
        weights = self.param(
            "weights", nn.initializers.lecun_normal(), (*maps.shape[-3:], self.sums)
        )
        return jnp.einsum("...rkc,rkcs->...cs", maps, weights)


class ObservationHead(nn.Module):
    """Embed every camera and the state, side by side.

    Attributes:
        cameras: in the order of concatenation.
        embedding: of a camera's feature map: "components", all of it into one layer; "spatial",
            learned weighted sums over its positions first.
        state_width: size of the state's embedding.
    """

    cameras: tuple[str, ...]
    embedding: Literal["components", "spatial"] = "components"
    state_width: int = 64

    @nn.compact
    def __call__(self, observation: Mapping[str, jax.Array]) -> jax.Array:
        """Embed camera → (..., rows, columns, K) and "state" → (..., S)."""
        parts = []
        for camera in self.cameras:
            maps = observation[camera].astype(jnp.float32)
            width = CAMERA_WIDTH
            if self.embedding == "spatial":
                maps, width = SpatialEmbedding(name=f"spatial_{camera}")(maps), SPATIAL_WIDTH
                flat = maps.reshape(*maps.shape[:-2], -1)
            else:
                flat = maps.reshape(*maps.shape[:-3], -1)
            embedded = nn.Dense(width, name=f"camera_{camera}")(flat)
            parts.append(normalised_tanh(embedded))
        state = nn.Dense(self.state_width, name="state")(observation[STATE])
        return jnp.concatenate([*parts, normalised_tanh(state)], axis=-1)


def evaluate(module: nn.Module, params: Any, *inputs: Any) -> Any:
    """Return the output of a module with these parameters."""
    return module.apply(params, *inputs)


class MLP(nn.Module):
    """Dense layers, each with LayerNorm and tanh."""

    widths: tuple[int, ...] = (256, 256)

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Map (..., I) to (..., widths[-1])."""
        for width in self.widths:
            x = normalised_tanh(nn.Dense(width)(x))
        return x


class CriticNetwork(nn.Module):
    """Q of an embedding and an action.

    Attributes:
        width: of both hidden layers.
    """

    width: int = 256

    @nn.compact
    def __call__(self, embedding: jax.Array, action: jax.Array) -> jax.Array:
        """Return (...) values."""
        x = MLP((self.width, self.width))(jnp.concatenate([embedding, action], axis=-1))
        return nn.Dense(1, kernel_init=nn.initializers.zeros_init())(x)[..., 0]


def critic_ensemble(size: int, width: int = 256) -> nn.Module:
    """Return `size` independent critics evaluated at once: output (size, ...)."""
    return _ensemble(CriticNetwork, size)(width)


def choice_critic_ensemble(size: int, choices: int, width: int = 256) -> nn.Module:
    """Return `size` independent critics of choices: output (size, ..., choices)."""
    return _ensemble(ChoiceCriticNetwork, size)(choices, width)


def _ensemble(network: type[nn.Module], size: int) -> Callable[..., nn.Module]:
    ensemble: Callable[..., nn.Module] = nn.vmap(
        network,
        variable_axes={"params": 0},
        split_rngs={"params": True},
        in_axes=None,
        out_axes=0,
        axis_size=size,
    )
    return ensemble


class ChoiceCriticNetwork(nn.Module):
    """Q of an embedding and each of several choices.

    Attributes:
        choices: how many.
        width: of both hidden layers.
    """

    choices: int
    width: int = 256

    @nn.compact
    def __call__(self, embedding: jax.Array) -> jax.Array:
        """Return (..., choices) values."""
        x = MLP((self.width, self.width))(embedding)
        return nn.Dense(self.choices, kernel_init=nn.initializers.zeros_init())(x)


class ActorNetwork(nn.Module):
    """Mean and log standard deviation of a Gaussian that tanh squashes into [-1, 1].

    Attributes:
        action_dim: A.
        initial_log_std: bias the standard deviation starts from.
        max_log_std: what it never exceeds.
    """

    action_dim: int
    initial_log_std: float = -1.5
    max_log_std: float = LOG_STD_MAX

    @nn.compact
    def __call__(self, embedding: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return (..., A) mean and (..., A) log std, before squashing."""
        x = MLP()(embedding)
        mean = nn.Dense(self.action_dim, name="mean")(x)
        log_std = nn.Dense(
            self.action_dim,
            name="log_std",
            kernel_init=nn.initializers.zeros_init(),
            bias_init=nn.initializers.constant(self.initial_log_std),
        )(x)
        return mean, jnp.clip(log_std, LOG_STD_MIN, self.max_log_std)


class ChoiceNetwork(nn.Module):
    """Logits of what to choose in each discrete part of an action.

    Attributes:
        choices: for each part, of how many.
    """

    choices: tuple[int, ...]

    @nn.compact
    def __call__(self, embedding: jax.Array) -> tuple[jax.Array, ...]:
        """Return for each part (..., choices) logits."""
        x = MLP()(embedding)
        return tuple(nn.Dense(n, name=f"part_{i}")(x) for i, n in enumerate(self.choices))
