"""Imitation bootstrapped RL: a clone and a learnt policy propose, and the critic picks.

Source: Hu et al. 2023 (arXiv 2311.02198). Here with RLPD's half of each batch from demonstrations
and its soft actor in place of TD3, so that it differs from our method in nothing else.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp

from hilctl.agents.base import Observation
from hilctl.agents.clone_first import CloneFirst
from hilctl.agents.options import AgentOptions, IBRLOptions


class IBRL(CloneFirst):
    """RLPD that takes the clone's action wherever its critics think more of it.

    So for acting as for targets: y = r + γ max over both of min Q̄(s', a'). Whose motion is taken
    tells the discrete grippers, too.
    """

    OptionsType: ClassVar[type[AgentOptions]] = IBRLOptions

    def acting(self) -> Any:
        """Return what both propose by, and the critics that pick."""
        return {**super().acting(), "critic": self.target_critic}

    def with_acting(self, arrays: Any) -> Self:
        """Return a copy that proposes and picks otherwise."""
        return super().with_acting(arrays).replace(target_critic=arrays["critic"])

    @partial(jax.jit, static_argnames="greedy")
    def act(self, observation: Observation, key: jax.Array, *, greedy: bool) -> jax.Array:
        """Return the (A,) action for one observation: the better of two, by the target critics.

        The clone proposes its mode, the learnt policy its mode or a sample.
        """
        embedding = self._embed(self.average, observation)
        proposal = self._propose(key, self.average["actor"], embedding, observation)
        smooth = proposal.mode if greedy else proposal.sample
        learnt = self._with_grippers(smooth, observation, None if greedy else key)
        both = jnp.stack([self.base.likeliest(observation), learnt])
        return both[self._believed(observation, self._smooth(both)).min(axis=0).argmax(axis=0)]

    def _next_value(self, key: jax.Array, observation: Observation, some: jax.Array) -> jax.Array:
        embedding = self._embed(self.critic, observation)
        learnt = self._propose(key, self.actor, embedding, observation).sample
        both = jnp.stack([self._smooth(self.base.likeliest(observation)), learnt])
        return self._believed(observation, both)[some].min(axis=0).max(axis=0)

    def _believed(self, observation: Observation, actions: jax.Array) -> jax.Array:
        """Return the (critics, k, ...) values of k motions, by the target critics."""
        embedding = self._embed(self.target_critic, observation)
        several = jnp.broadcast_to(embedding, (len(actions), *embedding.shape))
        return self._q(self.target_critic, several, actions)
