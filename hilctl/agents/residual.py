"""Residual RL: a frozen clone of the demonstrations, and a bounded correction of it that is learnt.

Source: Johannink et al. 2019 (arXiv 1812.03201), with RLPD as the learner of the correction; the
correction sees the clone's action beside the observation.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import flax.struct
import jax
import jax.numpy as jnp

from hilctl.agents.base import Observation
from hilctl.agents.choices import continuous_columns
from hilctl.agents.clone_first import CloneFirst
from hilctl.agents.gripper_critic import GripperCritic
from hilctl.agents.options import AgentOptions, ResidualOptions, RLPDOptions
from hilctl.agents.rlpd import Params, Proposal
from hilctl.networks.distributions import sample_with_log_prob
from hilctl.task.layout import ActionLayout


class Residual(CloneFirst):
    """RLPD whose actor moves the clone's action by up to `reach` in every number.

    Critics judge the sum, which is what was executed. The correction starts at zero. There is none
    of what discrete grippers are told: that is up to the clone.
    """

    OptionsType: ClassVar[type[AgentOptions]] = ResidualOptions
    options: ResidualOptions = flax.struct.field(pytree_node=False)

    @classmethod
    def create(
        cls, key: jax.Array, observation: Observation, actions: ActionLayout, options: Any
    ) -> Self:
        """Return an untrained agent that acts as its untrained clone."""
        agent = super().create(key, observation, actions, options)
        actor = _centred(agent.actor)
        average = {**agent.average, "actor": jax.tree.map(jnp.copy, actor)}  # `update` donates both
        return agent.replace(actor=actor, average=average)

    @staticmethod
    def _actor_input(embedding: jax.Array, action: jax.Array) -> jax.Array:
        return jnp.concatenate([embedding, action], axis=-1)

    @classmethod
    def _gripper_critic(cls, actions: ActionLayout, options: RLPDOptions) -> GripperCritic | None:
        return None

    def _with_grippers(
        self, smooth: jax.Array, observation: Observation, key: jax.Array | None
    ) -> jax.Array:
        whole = self.base.likeliest(observation)
        return whole.at[continuous_columns(self.actions)].set(smooth)

    def _propose(
        self, key: jax.Array, actor: Params, embedding: jax.Array, observation: Observation
    ) -> Proposal:
        base = self._smooth(self.base.likeliest(observation))
        mean, log_std = self._gaussian(actor, self._actor_input(embedding, base))
        sample, log_prob = sample_with_log_prob(key, mean, log_std)
        # the density is that of the correction: a clone's mode adds no spread
        moved, mode = (
            jnp.clip(base + self.options.reach * correction, -1, 1)
            for correction in (sample, jnp.tanh(mean))
        )
        return Proposal(moved, log_prob, mode)


def _centred(actor: Params) -> Params:
    """Return an actor whose mean is zero everywhere, until it has learnt."""
    layers = actor["params"]
    return {"params": {**layers, "mean": jax.tree.map(jnp.zeros_like, layers["mean"])}}
