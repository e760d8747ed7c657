"""An agent behind the loop's `Policy` contract."""

from __future__ import annotations

import jax
import numpy as np
from numpy.typing import NDArray

from hilctl.agents.base import Agent
from hilctl.data.step import Observation
from hilctl.networks.perception import Perception

Array = NDArray[np.float64]


class AgentPolicy:
    """Act as an agent would, seeing the world through its perception.

    Args:
        agent: acts; a newer one may be put in its place between episodes.
        perception: what the agent was trained to see.
        key: random key of the sampled actions.
        greedy: take the most likely action instead of a sample.
    """

    def __init__(
        self, agent: Agent, perception: Perception, key: jax.Array, *, greedy: bool
    ) -> None:
        self.agent = agent
        self.perception = perception
        self._key = key
        self._steps = 0
        self.greedy = greedy

    def warm_up(self, grid: tuple[int, int]) -> None:
        """Compile what `act` runs, both ways, so that no robot waits for it.

        Args:
            grid: rows and columns of the encoder's features.
        """
        example, key = self.perception.example(grid), self._next_key()
        for greedy in (False, True):
            jax.block_until_ready(self.agent.act(example, key, greedy=greedy))

    def begin_episode(self, first: Observation) -> None:
        """Take the first state as the origin of relative poses."""
        self._first = first.state

    def act(self, observation: Observation) -> Array:
        """Return the (A,) action in [-1, 1]."""
        features = {name: array[None] for name, array in observation.features.items()}
        states = {name: array[None] for name, array in observation.state.items()}
        batch = self.perception(features, states, self._first)
        seen = {name: array[0] for name, array in batch.items()}
        self._steps += 1
        action = self.agent.act(seen, self._next_key(), greedy=self.greedy)
        return np.asarray(action, dtype=float)

    def _next_key(self) -> jax.Array:
        return jax.random.fold_in(self._key, self._steps)
