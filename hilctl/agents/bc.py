"""Behaviour cloning on the same data and networks, for comparison and to begin with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, Self

import flax.struct
import jax
import jax.numpy as jnp
import optax

from hilctl.agents.base import Agent, Metrics, Observation
from hilctl.agents.choices import continuous_columns, discrete_parts, log_likelihood
from hilctl.agents.options import AgentOptions, BCOptions
from hilctl.data.batch import Batch
from hilctl.networks.augment import random_shift
from hilctl.networks.distributions import log_prob, sample_with_log_prob
from hilctl.networks.heads import ActorNetwork, ChoiceNetwork, ObservationHead, evaluate
from hilctl.networks.perception import STATE
from hilctl.task.layout import ActionLayout


class BC(flax.struct.PyTreeNode, Agent):
    """A policy fitted by maximum likelihood to what humans did.

    Continuous numbers of an action are regressed, discrete parts classified. Steps of other
    policies among the transitions are ignored.
    """

    OptionsType: ClassVar[type[AgentOptions]] = BCOptions

    key: jax.Array
    params: Any  # {"head": ..., "actor": ...}, and "choices" where a part is discrete
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
        return cls._created(key, dict(observation), cameras, actions, options)

    @classmethod
    @partial(jax.jit, static_argnums=(0, 3, 4, 5))  # one program is compiled sooner than many
    def _created(
        cls,
        key: jax.Array,
        observation: Observation,
        cameras: tuple[str, ...],
        actions: ActionLayout,
        options: BCOptions,
    ) -> Self:
        key, head_key, actor_key = jax.random.split(key, 3)
        head = ObservationHead(cameras, options.embedding)
        head_params = head.init(head_key, observation)
        embedding = head.apply(head_params, observation)
        smooth = len(continuous_columns(actions))
        actor = ActorNetwork(smooth, options.initial_log_std).init(actor_key, embedding)
        params = {"head": head_params, "actor": actor}
        if kinds := discrete_parts(actions):
            network = ChoiceNetwork(tuple(len(choices) for _, choices in kinds))
            params["choices"] = network.init(jax.random.fold_in(actor_key, 1), embedding)
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
        mean, log_std, logits = self._distribution(self.params, observation)
        if greedy:
            return self._joined(jnp.tanh(mean), [values.argmax(axis=-1) for values in logits])
        smooth, _ = sample_with_log_prob(key, mean, log_std)
        drawn = [
            jax.random.categorical(jax.random.fold_in(key, i + 1), values)
            for i, values in enumerate(logits)
        ]
        return self._joined(smooth, drawn)

    def likeliest(self, observations: Observation) -> jax.Array:
        """Return the (..., A) modes for (...) observations, inside of compiled code."""
        mean, _, logits = self._distribution(self.params, observations)
        return self._joined(jnp.tanh(mean), [values.argmax(axis=-1) for values in logits])

    @property
    def updates(self) -> jax.Array:
        """How many gradient steps it has taken."""
        count: jax.Array = optax.tree.get(self.optimiser, "count")
        return count

    @partial(jax.jit, donate_argnums=0)
    def update(self, batches: Batch) -> tuple[Self, Metrics]:
        """Take k gradient steps on (k, n) transitions in one compiled call."""
        return self.cloned(batches)

    def cloned(self, batches: Batch) -> tuple[Self, Metrics]:
        """Do what `update` does, inside of compiled code."""
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
            mean, log_std, logits = self._distribution(params, observations)
            actions = jnp.asarray(batch.actions)
            smooth = actions[..., continuous_columns(self.actions)]
            likelihood = log_prob(smooth, mean, log_std)
            for (columns, choices), values in zip(
                discrete_parts(self.actions), logits, strict=True
            ):
                likelihood += log_likelihood(actions[..., columns], choices, values)
            human = jnp.asarray(batch.is_demo)
            return -(human * likelihood).sum() / jnp.maximum(human.sum(), 1)

        value, gradients = jax.value_and_grad(loss)(self.params)
        updates, optimiser = optax.adam(self.options.learning_rate).update(
            gradients, self.optimiser, self.params
        )
        params = optax.apply_updates(self.params, updates)
        return self.replace(key=key, params=params, optimiser=optimiser), {"bc_loss": value}

    def _joined(self, smooth: jax.Array, chosen: Sequence[jax.Array]) -> jax.Array:
        """Return (..., A) actions of their continuous numbers and the indices of their choices."""
        kinds = discrete_parts(self.actions)
        if not kinds:
            return smooth
        action = jnp.zeros((*smooth.shape[:-1], self.actions.size))
        action = action.at[..., continuous_columns(self.actions)].set(smooth)
        for (column, choices), index in zip(kinds, chosen, strict=True):
            action = action.at[..., column].set(jnp.asarray(choices)[index])
        return action

    def _distribution(
        self, params: Any, observation: Observation
    ) -> tuple[jax.Array, jax.Array, tuple[jax.Array, ...]]:
        """Return mean and log std of the continuous numbers, and logits of the discrete parts."""
        head = ObservationHead(self.cameras, self.options.embedding)
        embedding = evaluate(head, params["head"], observation)
        smooth = len(continuous_columns(self.actions))
        network = ActorNetwork(smooth, self.options.initial_log_std)
        mean, log_std = evaluate(network, params["actor"], embedding)
        kinds = discrete_parts(self.actions)
        if not kinds:
            return mean, log_std, ()
        choosing = ChoiceNetwork(tuple(len(choices) for _, choices in kinds))
        return mean, log_std, evaluate(choosing, params["choices"], embedding)
