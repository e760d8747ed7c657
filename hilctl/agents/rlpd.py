"""RLPD: soft actor-critic with half of each batch from demonstrations (Ball et al. 2023).

With HIL-SERL's choices (arXiv 2410.21845): LayerNorm critic ensemble, no entropy in the backup,
adaptive temperature, the observation heads trained by the critic alone, bootstrapping through
truncation. The actor follows the mean of the critics, the target takes the minimum of two.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, Self

import flax.struct
import jax
import jax.numpy as jnp
import optax

from hilctl.agents.base import Agent, Metrics, Observation
from hilctl.agents.options import AgentOptions, RLPDOptions
from hilctl.data.batch import Batch
from hilctl.networks.augment import random_shift
from hilctl.networks.distributions import sample_with_log_prob
from hilctl.networks.heads import ActorNetwork, ObservationHead, critic_ensemble, evaluate
from hilctl.networks.perception import STATE
from hilctl.task.layout import ActionLayout

CRITICS_IN_TARGET = 2  # drawn anew for every update (Chen et al. 2021, REDQ)

Params = Any


class RLPD(flax.struct.PyTreeNode, Agent):
    """Networks, targets, optimiser states and random key of one learner."""

    OptionsType: ClassVar[type[AgentOptions]] = RLPDOptions

    key: jax.Array
    critic: Params  # {"head": ..., "ensemble": ...}
    target_critic: Params
    actor: Params
    average: Params  # of actor and observation heads over the last updates: what acts
    log_temperature: jax.Array
    critic_optimiser: optax.OptState
    actor_optimiser: optax.OptState
    temperature_optimiser: optax.OptState
    options: RLPDOptions = flax.struct.field(pytree_node=False)
    cameras: tuple[str, ...] = flax.struct.field(pytree_node=False)
    action_dim: int = flax.struct.field(pytree_node=False)

    @classmethod
    def create(
        cls, key: jax.Array, observation: Observation, actions: ActionLayout, options: RLPDOptions
    ) -> Self:
        """Return an untrained agent."""
        cameras = tuple(name for name in observation if name != STATE)
        return cls._created(key, dict(observation), cameras, actions.size, options)

    @classmethod
    @partial(jax.jit, static_argnums=(0, 3, 4, 5))  # one program: 0.3 s instead of 1.9
    def _created(
        cls,
        key: jax.Array,
        observation: Observation,
        cameras: tuple[str, ...],
        action_dim: int,
        options: RLPDOptions,
    ) -> Self:
        key, head_key, critic_key, actor_key = jax.random.split(key, 4)
        action = jnp.zeros(action_dim)
        head = ObservationHead(cameras)
        head_params = head.init(head_key, observation)
        embedding = head.apply(head_params, observation)
        network = critic_ensemble(options.critics, options.critic_width)
        ensemble = network.init(critic_key, embedding, action)
        critic = {"head": head_params, "ensemble": ensemble}
        actor = ActorNetwork(action_dim, options.initial_log_std).init(actor_key, embedding)
        log_temperature = jnp.log(jnp.asarray(options.initial_temperature, jnp.float32))
        adam = optax.adam(options.learning_rate)
        return cls(
            key=key,
            critic=critic,
            target_critic=jax.tree.map(jnp.copy, critic),  # `update` donates both
            actor=actor,
            average=jax.tree.map(jnp.copy, {"actor": actor, "head": head_params}),
            log_temperature=log_temperature,
            critic_optimiser=adam.init(critic),
            actor_optimiser=adam.init(actor),
            temperature_optimiser=adam.init(log_temperature),
            options=options,
            cameras=cameras,
            action_dim=action_dim,
        )

    def acting(self) -> Any:
        """Return the averaged actor and observation heads."""
        return self.average

    def with_acting(self, arrays: Any) -> Self:
        """Return a copy that acts with another actor and other heads."""
        return self.replace(average=arrays)

    @partial(jax.jit, static_argnames="greedy")
    def act(self, observation: Observation, key: jax.Array, *, greedy: bool) -> jax.Array:
        """Return the (A,) action for one observation: the mode, or a sample."""
        embedding = self._embed(self.average, observation)
        mean, log_std = self._gaussian(self.average["actor"], embedding)
        if greedy:
            return jnp.tanh(mean)
        return sample_with_log_prob(key, mean, log_std)[0]

    @partial(jax.jit, donate_argnums=0)
    def update(self, batches: Batch) -> tuple[Self, Metrics]:
        """Learn from (k · critic_updates_per_actor, n) transitions in one compiled call."""
        per_actor = self.options.critic_updates_per_actor
        grouped = jax.tree.map(lambda x: x.reshape(-1, per_actor, *x.shape[1:]), batches)

        def one_actor_update(agent: Self, group: Batch) -> tuple[Self, Metrics]:
            agent, group = agent._augmented(group)
            agent, critic_metrics = jax.lax.scan(type(self)._critic_update, agent, group)
            last = jax.tree.map(lambda x: x[-1], group)
            agent, actor_metrics = agent._actor_update(last)
            return agent, jax.tree.map(jnp.mean, critic_metrics) | actor_metrics

        agent, metrics = jax.lax.scan(one_actor_update, self, grouped)
        return agent, jax.tree.map(jnp.mean, metrics)

    def _critic_update(self, batch: Batch) -> tuple[Self, Metrics]:
        key, action_key = jax.random.split(self.key)
        target = self._target(action_key, batch.next_observations, batch)

        def loss(critic: Params) -> tuple[jax.Array, Metrics]:
            q = self._q(critic, self._embed(critic, batch.observations), batch.actions)
            error = q - target
            value = jnp.square(error).mean()
            return value, {"critic_loss": value, "q": q.mean(), "target_q": target.mean()}

        gradients, metrics = jax.grad(loss, has_aux=True)(self.critic)
        critic, optimiser = self._adam(gradients, self.critic_optimiser, self.critic)
        target_critic = optax.incremental_update(
            critic, self.target_critic, self.options.target_rate
        )
        agent = self.replace(
            key=key, critic=critic, target_critic=target_critic, critic_optimiser=optimiser
        )
        return agent, metrics

    def _target(self, key: jax.Array, next_observations: Observation, batch: Batch) -> jax.Array:
        """Return r + γ · mask · min of two Q̄_i(s', a'), a' ~ π(s'), without an entropy term."""
        action_key, some_key = jax.random.split(key)
        embedding = self._embed(self.critic, next_observations)
        mean, log_std = self._gaussian(self.actor, embedding)
        next_actions, _ = sample_with_log_prob(action_key, mean, log_std)
        target_embedding = self._embed(self.target_critic, next_observations)
        every_q = self._q(self.target_critic, target_embedding, next_actions)
        size = min(CRITICS_IN_TARGET, self.options.critics)
        some = jax.random.choice(some_key, self.options.critics, (size,), replace=False)
        next_q = every_q[some].min(axis=0)
        # of a sparse reward of at most 1, once, no value lies outside [0, 1]
        next_q = jnp.clip(next_q, *(self.options.value_bounds or (0.0, 1.0)))
        rewards, masks = jnp.asarray(batch.rewards), jnp.asarray(batch.masks)
        return rewards + self.options.discount * masks * next_q

    def _actor_update(self, batch: Batch) -> tuple[Self, Metrics]:
        key, action_key = jax.random.split(self.key)
        embedding = jax.lax.stop_gradient(self._embed(self.critic, batch.observations))
        temperature = jnp.exp(self.log_temperature)

        def loss(actor: Params) -> tuple[jax.Array, tuple[jax.Array, Metrics]]:
            mean, log_std = self._gaussian(actor, embedding)
            actions, log_prob = sample_with_log_prob(action_key, mean, log_std)
            q = self._q(self.critic, embedding, actions).mean(axis=0)
            value = (temperature * log_prob - q).mean()
            value += self._imitation_loss(mean, batch)
            entropy = -log_prob.mean()
            return value, (entropy, {"actor_loss": value, "entropy": entropy})

        gradients, (entropy, metrics) = jax.grad(loss, has_aux=True)(self.actor)
        actor, actor_optimiser = self._adam(gradients, self.actor_optimiser, self.actor)
        # dual descent on E[entropy] ≥ target
        target_entropy = self.options.target_entropy * self.action_dim
        surplus = jax.lax.stop_gradient(entropy) - target_entropy
        gradient = jax.grad(lambda log_t: jnp.exp(log_t) * surplus)(self.log_temperature)
        log_temperature, temperature_optimiser = self._adam(
            gradient, self.temperature_optimiser, self.log_temperature
        )
        newest = {"actor": actor, "head": self.critic["head"]}
        agent = self.replace(
            key=key,
            actor=actor,
            average=optax.incremental_update(newest, self.average, self.options.average_rate),
            actor_optimiser=actor_optimiser,
            log_temperature=log_temperature,
            temperature_optimiser=temperature_optimiser,
        )
        return agent, metrics | {"temperature": temperature}

    def _imitation_weight(self, born: Any = 0) -> Any:
        """Return the weight of imitating a step that came in after `born` critic updates."""
        half_life = self.options.imitation_half_life
        if half_life is None:
            return self.options.imitation
        updates = optax.tree.get(self.actor_optimiser, "count")
        age = updates - born / self.options.critic_updates_per_actor
        return self.options.imitation * 0.5 ** (jnp.maximum(age, 0) / half_life)

    def _imitation_loss(self, mean: jax.Array, batch: Batch) -> jax.Array:
        """Return the mean weighted squared distance of our mode to what humans did.

        It is 0 for other steps.
        """
        weight = self._imitation_weight(0 if batch.born is None else batch.born)
        distance = jnp.square(jnp.tanh(mean) - batch.actions).sum(axis=-1)
        return (weight * batch.is_demo * distance).mean()

    def _adam(
        self, gradients: Params, state: optax.OptState, params: Params
    ) -> tuple[Params, optax.OptState]:
        updates, state = optax.adam(self.options.learning_rate).update(gradients, state, params)
        return optax.apply_updates(params, updates), state

    def _augmented(self, batches: Batch) -> tuple[Self, Batch]:
        """Shift the feature maps of (k, n) transitions; critics and actor learn from the same ones.

        Source: HIL-SERL's learner, which shifts a batch once for both.
        """
        reach = self.options.shift_cells
        if reach == 0:
            return self, batches
        key, *keys = jax.random.split(self.key, 1 + len(self.cameras))
        before, after = dict(batches.observations), dict(batches.next_observations)
        for camera, camera_key in zip(self.cameras, keys, strict=True):
            both = jnp.stack([before[camera], after[camera]])
            before[camera], after[camera] = random_shift(camera_key, both, reach)
        agent = self.replace(key=key)
        return agent, batches._replace(observations=before, next_observations=after)

    def _embed(self, critic: Params, observation: Observation) -> jax.Array:
        embedding: jax.Array = evaluate(ObservationHead(self.cameras), critic["head"], observation)
        return embedding

    def _q(self, critic: Params, embedding: jax.Array, actions: Any) -> jax.Array:
        ensemble = critic_ensemble(self.options.critics, self.options.critic_width)
        values: jax.Array = evaluate(ensemble, critic["ensemble"], embedding, actions)
        return values

    def _gaussian(self, actor: Params, embedding: jax.Array) -> tuple[jax.Array, jax.Array]:
        network = ActorNetwork(self.action_dim, self.options.initial_log_std)
        mean, log_std = evaluate(network, actor, embedding)
        return mean, log_std
