"""Behaviour cloning on the same data and networks, for comparison."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, Self

import flax.struct
import jax
import jax.numpy as jnp
import optax

from hilctl.agents.base import Agent, Metrics, Observation
from hilctl.agents.options import AgentOptions, BCOptions
from hilctl.data.batch import Batch
from hilctl.networks.augment import random_shift
from hilctl.networks.distributions import log_prob, sample_with_log_prob
from hilctl.networks.heads import ActorNetwork, ObservationHead, evaluate
from hilctl.networks.perception import STATE
from hilctl.task.layout import ActionLayout


class BC(flax.struct.PyTreeNode, Agent):
    """A policy fitted to the demonstrations by maximum likelihood."""

    OptionsType: ClassVar[type[AgentOptions]] = BCOptions

    key: jax.Array
    params: Any  # {"head": ..., "actor": ...}
    optimiser: optax.OptState
    options: BCOptions = flax.struct.field(pytree_node=False)
    cameras: tuple[str, ...] = flax.struct.field(pytree_node=False)
    actions: ActionLayout = flax.struct.field(pytree_node=False)

    @classmethod
    def create(
        cls, key: jax.Array, observation: Observation, actions: ActionLayout, options: BCOptions
    ) -> Self:
        """Return an untrained agent."""
        cameras = tuple(name for name in observation if name != STATE)
        key, head_key, actor_key = jax.random.split(key, 3)
        head = ObservationHead(cameras)
        head_params = head.init(head_key, observation)
        embedding = head.apply(head_params, observation)
        actor = ActorNetwork(actions.size, options.initial_log_std).init(actor_key, embedding)
        params = {"head": head_params, "actor": actor}
        optimiser = optax.adam(options.learning_rate).init(params)
        return cls(key, params, optimiser, options, cameras, actions)

    def acting(self) -> Any:
        """Return all parameters."""
        return self.params

    def with_acting(self, arrays: Any) -> Self:
        """Return a copy with other parameters."""
        return self.replace(params=arrays)

    @partial(jax.jit, static_argnames="greedy")
    def act(self, observation: Observation, key: jax.Array, *, greedy: bool) -> jax.Array:
        """Return the (A,) action for one observation: the mode, or a sample."""
        mean, log_std = self._gaussian(self.params, observation)
        if greedy:
            return jnp.tanh(mean)
        return sample_with_log_prob(key, mean, log_std)[0]

    @partial(jax.jit, donate_argnums=0)
    def update(self, batches: Batch) -> tuple[Self, Metrics]:
        """Take k gradient steps on (k, n) transitions in one compiled call."""
        agent, metrics = jax.lax.scan(type(self)._step, self, batches)
        return agent, jax.tree.map(jnp.mean, metrics)

    def _step(self, batch: Batch) -> tuple[Self, Metrics]:
        key, *shift_keys = jax.random.split(self.key, 1 + len(self.cameras))
        observations: dict[str, Any] = dict(batch.observations)
        if self.options.shift_cells > 0:
            for k, camera in zip(shift_keys, self.cameras, strict=True):
                observations[camera] = random_shift(
                    k, observations[camera], self.options.shift_cells
                )

        def loss(params: Any) -> jax.Array:
            mean, log_std = self._gaussian(params, observations)
            return -log_prob(batch.actions, mean, log_std).mean()

        value, gradients = jax.value_and_grad(loss)(self.params)
        updates, optimiser = optax.adam(self.options.learning_rate).update(
            gradients, self.optimiser, self.params
        )
        params = optax.apply_updates(self.params, updates)
        return self.replace(key=key, params=params, optimiser=optimiser), {"bc_loss": value}

    def _gaussian(self, params: Any, observation: Observation) -> tuple[jax.Array, jax.Array]:
        embedding = evaluate(ObservationHead(self.cameras), params["head"], observation)
        network = ActorNetwork(self.actions.size, self.options.initial_log_std)
        mean, log_std = evaluate(network, params["actor"], embedding)
        return mean, log_std
