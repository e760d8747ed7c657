"""The agent contract: a pure learner over the arrays of `Perception`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import jax

from hilctl.agents.options import AgentOptions
from hilctl.data.batch import Batch
from hilctl.task.layout import ActionLayout

Observation = Mapping[str, Any]  # name → array: numpy outside of compiled code, JAX inside
Metrics = dict[str, jax.Array]


class Agent(ABC):
    """All that is learnt, as one immutable PyTree; methods are pure and jitted."""

    OptionsType: ClassVar[type[AgentOptions]] = AgentOptions

    @classmethod
    @abstractmethod
    def create(
        cls, key: jax.Array, observation: Observation, actions: ActionLayout, options: Any
    ) -> Self:
        """Return a new agent.

        Args:
            key: random key.
            observation: one example, without batch axis.
            actions: what the (A,) numbers of an action are.
            options: an instance of `OptionsType`.
        """

    @abstractmethod
    def acting(self) -> Any:
        """Return the PyTree of arrays that `act` needs, for whoever acts elsewhere."""

    @abstractmethod
    def with_acting(self, arrays: Any) -> Self:
        """Return a copy that acts as the agent did whose `acting()` this is."""

    def with_learning_rate(self, rate: float) -> Self:
        """Return a copy that learns at another rate from now on.

        Only for agents whose options say when: `late_learning_rate`.
        """
        raise NotImplementedError

    @abstractmethod
    def act(self, observation: Observation, key: jax.Array, *, greedy: bool) -> jax.Array:
        """Return the (A,) action in [-1, 1] for one observation."""

    @abstractmethod
    def update(self, batches: Batch) -> tuple[Self, Metrics]:
        """Learn from (k, n) transitions: k environment steps' worth of updates, fused.

        Args:
            batches: leading axes (k · critic updates per step, n).
        """
