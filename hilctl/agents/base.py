"""The agent contract: a pure learner over the arrays of `Perception`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import jax
from pydantic import Field

from hilctl.data.batch import Batch
from hilctl.devices import Options

Observation = Mapping[str, Any]  # name → array: numpy outside of compiled code, JAX inside
Metrics = dict[str, jax.Array]


class AgentOptions(Options):
    """What every agent needs: how pictures become numbers, and how much is learnt at once."""

    encoder: str = "efficientnet-lite0"
    weights: str | None = None  # file with the encoder's weights; None = from the package index
    channels: int = Field(default=8, ge=1, le=512)  # kept of each camera's features
    batch: int = Field(default=256, ge=2, le=4096)
    learning_rate: float = Field(default=3e-4, gt=0, le=0.1)
    shift_cells: float = Field(default=0.0, ge=0, le=1)  # random shift of feature maps


class Agent(ABC):
    """All that is learnt, as one immutable PyTree; methods are pure and jitted."""

    OptionsType: ClassVar[type[AgentOptions]] = AgentOptions
    needs_robot: ClassVar[bool] = True  # False: learns from demonstrations alone

    @classmethod
    @abstractmethod
    def create(
        cls, key: jax.Array, observation: Observation, action_dim: int, options: Any
    ) -> Self:
        """Return a new agent.

        Args:
            key: random key.
            observation: one example, without batch axis.
            action_dim: A.
            options: an instance of `OptionsType`.
        """

    @abstractmethod
    def act(self, observation: Observation, key: jax.Array, *, greedy: bool) -> jax.Array:
        """Return the (A,) action in [-1, 1] for one observation."""

    @abstractmethod
    def update(self, batches: Batch) -> tuple[Self, Metrics]:
        """Learn from (k, n) transitions: k environment steps' worth of updates, fused.

        Args:
            batches: leading axes (k · critic updates per step, n).
        """
