"""RLPD: soft actor-critic with half of each batch from demonstrations (Ball et al. 2023).

With HIL-SERL's choices (arXiv 2410.21845): LayerNorm critic ensemble, no entropy in the backup,
adaptive temperature, the observation heads trained by the critic alone, bootstrapping through
truncation. The actor follows the mean of the critics, the target takes the minimum of two.
Discrete grippers are no part of this: they have a critic of their own (`gripper_critic.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, NamedTuple, Self

import flax.struct
import jax
import jax.numpy as jnp
import optax

from hilctl.agents.base import Agent, Metrics, Observation
from hilctl.agents.choices import continuous_columns, discrete_parts
from hilctl.agents.gripper_critic import GripperCritic
from hilctl.agents.options import AgentOptions, RLPDOptions
from hilctl.data.batch import Batch
from hilctl.networks.augment import random_shift
from hilctl.networks.distributions import sample_with_log_prob
from hilctl.networks.heads import ActorNetwork, ObservationHead, critic_ensemble, evaluate
from hilctl.networks.perception import STATE
from hilctl.task.layout import ActionLayout

CRITICS_IN_TARGET = 2  # drawn anew for every update (Chen et al. 2021, REDQ)

Params = Any


class Proposal(NamedTuple):
    """What a policy would do, with leading axes `...`.

    Attributes:
        sample: (..., A) actions that are drawn.
        log_prob: (...) their log densities.
        mode: (..., A) most likely actions.
    """

    sample: jax.Array
    log_prob: jax.Array
    mode: jax.Array


class RLPD(flax.struct.PyTreeNode, Agent):
    """Networks, targets, optimiser states and random key of one learner."""

    OptionsType: ClassVar[type[AgentOptions]] = RLPDOptions

    key: jax.Array
    critic: Params  # {"head": ..., "ensemble": ...}, and "grippers" where some are discrete
    target_critic: Params
    actor: Params
    average: Params  # of what acts over the last updates: what acts
    log_temperature: jax.Array
    critic_optimiser: optax.OptState
    actor_optimiser: optax.OptState
    temperature_optimiser: optax.OptState
    options: RLPDOptions = flax.struct.field(pytree_node=False)
    cameras: tuple[str, ...] = flax.struct.field(pytree_node=False)
    actions: ActionLayout = flax.struct.field(pytree_node=False)

    @classmethod
    def create(
        cls, key: jax.Array, observation: Observation, actions: ActionLayout, options: RLPDOptions
    ) -> Self:
        """Return an untrained agent."""
        cameras = tuple(name for name in observation if name != STATE)
        return cls._created(key, dict(observation), cameras, actions, options)

    @classmethod
    @partial(jax.jit, static_argnums=(0, 3, 4, 5))  # one program: 0.3 s instead of 1.9
    def _created(
        cls,
        key: jax.Array,
        observation: Observation,
        cameras: tuple[str, ...],
        actions: ActionLayout,
        options: RLPDOptions,
    ) -> Self:
        key, head_key, critic_key, actor_key = jax.random.split(key, 4)
        action = jnp.zeros(len(continuous_columns(actions)))
        head = ObservationHead(cameras, options.embedding)
        head_params = head.init(head_key, observation)
        embedding: Any = head.apply(head_params, observation)
        network = critic_ensemble(options.critics, options.critic_width)
        ensemble = network.init(critic_key, embedding, action)
        critic = {"head": head_params, "ensemble": ensemble}
        if (grippers := cls._gripper_critic(actions, options)) is not None:
            grippers_key = jax.random.fold_in(critic_key, 1)
            critic["grippers"] = grippers.create(grippers_key, embedding)
        network = _actor_network(action.size, options)
        actor = network.init(actor_key, cls._actor_input(embedding, action))
        log_temperature = jnp.log(jnp.asarray(options.initial_temperature, jnp.float32))
        adam = optax.adam(options.learning_rate)
        return cls(
            key=key,
            critic=critic,
            target_critic=jax.tree.map(jnp.copy, critic),  # `update` donates both
            actor=actor,
            average=jax.tree.map(jnp.copy, _what_acts(actor, critic)),
            log_temperature=log_temperature,
            critic_optimiser=adam.init(critic),
            actor_optimiser=adam.init(actor),
            temperature_optimiser=adam.init(log_temperature),
            options=options,
            cameras=cameras,
            actions=actions,
        )

    @property
    def action_dim(self) -> int:
        """How many numbers of an action the actor decides."""
        return len(continuous_columns(self.actions))

    @property
    def grippers(self) -> GripperCritic | None:
        """What decides the others; None where there are none."""
        return self._gripper_critic(self.actions, self.options)

    @classmethod
    def _gripper_critic(cls, actions: ActionLayout, options: RLPDOptions) -> GripperCritic | None:
        return GripperCritic(actions, options) if discrete_parts(actions) else None

    def acting(self) -> Any:
        """Return the averaged actor, observation heads and gripper critic."""
        return self.average

    def with_acting(self, arrays: Any) -> Self:
        """Return a copy that acts with another actor, other heads and another gripper critic."""
        return self.replace(average=arrays)

    def with_learning_rate(self, rate: float) -> Self:
        """Return a copy whose options say another rate; it is compiled anew."""
        return self.replace(options=self.options.model_copy(update={"learning_rate": rate}))

    @partial(jax.jit, static_argnames="greedy")
    def act(self, observation: Observation, key: jax.Array, *, greedy: bool) -> jax.Array:
        """Return the (A,) action for one observation: the mode, or a sample."""
        embedding = self._embed(self.average, observation)
        proposal = self._propose(key, self.average["actor"], embedding, observation)
        smooth = proposal.mode if greedy else proposal.sample
        return self._with_grippers(smooth, observation, None if greedy else key)

    def _with_grippers(
        self, smooth: jax.Array, observation: Observation, key: jax.Array | None
    ) -> jax.Array:
        """Return the (A,) action whose continuous numbers are given: grippers do what pays most.

        With a `key` they explore.
        """
        if (grippers := self.grippers) is None:
            return smooth
        # embedded by `act` already: the compiler does it once
        params, embedding = self.average["grippers"], self._embed(self.average, observation)
        if key is None:
            told = grippers.choose(params, embedding)
        else:
            told = grippers.explore(params, embedding, jax.random.fold_in(key, 1))
        action = jnp.zeros(self.actions.size).at[continuous_columns(self.actions)].set(smooth)
        return action.at[jnp.asarray(grippers.columns)].set(told)

    @partial(jax.jit, donate_argnums=0)
    def update(self, batches: Batch) -> tuple[Self, Metrics]:
        """Learn from (k · critic_updates_per_actor, n) transitions in one compiled call."""
        return self._learnt(batches)

    def _learnt(self, batches: Batch) -> tuple[Self, Metrics]:
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
        gripper_loss = self._gripper_loss(batch)

        def loss(critic: Params) -> tuple[jax.Array, Metrics]:
            embedding = self._embed(critic, batch.observations)
            q = self._q(critic, embedding, self._smooth(batch.actions))
            error = q - target
            value = jnp.square(error).mean()
            metrics = {"critic_loss": value, "q": q.mean(), "target_q": target.mean()}
            if gripper_loss is None:
                return value, metrics
            more, gripper_metrics = gripper_loss(critic["grippers"], embedding)
            return value + more, metrics | gripper_metrics

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
        size = min(CRITICS_IN_TARGET, self.options.critics)
        some = jax.random.choice(some_key, self.options.critics, (size,), replace=False)
        next_q = self._next_value(action_key, next_observations, some)
        # of a sparse reward of at most 1, once, no value lies outside [0, 1]
        next_q = jnp.clip(next_q, *(self.options.value_bounds or (0.0, 1.0)))
        rewards, masks = jnp.asarray(batch.rewards), jnp.asarray(batch.masks)
        return rewards + self.options.discount * masks * next_q

    def _gripper_loss(
        self, batch: Batch
    ) -> Callable[[Params, jax.Array], tuple[jax.Array, Metrics]] | None:
        """Return the loss of the gripper critic's parameters, given an embedding."""
        if (grippers := self.grippers) is None:
            return None
        after = batch.next_observations  # embedded above already: the compiler does it once
        newest = grippers.values(self.critic["grippers"], self._embed(self.critic, after))
        target_embedding = self._embed(self.target_critic, after)
        slow = grippers.values(self.target_critic["grippers"], target_embedding)
        target = grippers.target(newest, slow, batch)
        weight = self._imitation_weight(0 if batch.born is None else batch.born)
        return lambda params, embedding: grippers.loss(params, embedding, batch, target, weight)

    def _smooth(self, actions: Any) -> Any:
        """Return the (..., continuous) numbers of (..., A) actions."""
        if not discrete_parts(self.actions):
            return actions
        return jnp.asarray(actions)[..., continuous_columns(self.actions)]

    def _next_value(self, key: jax.Array, observation: Observation, some: jax.Array) -> jax.Array:
        """Return the (n,) value of going on with the policy, by some of the target critics."""
        embedding = self._embed(self.critic, observation)
        actions = self._propose(key, self.actor, embedding, observation).sample
        target_embedding = self._embed(self.target_critic, observation)
        return self._q(self.target_critic, target_embedding, actions)[some].min(axis=0)

    def _actor_update(self, batch: Batch) -> tuple[Self, Metrics]:
        key, action_key = jax.random.split(self.key)
        embedding = jax.lax.stop_gradient(self._embed(self.critic, batch.observations))
        temperature = jnp.exp(self.log_temperature)

        def loss(actor: Params) -> tuple[jax.Array, tuple[jax.Array, Metrics]]:
            proposal = self._propose(action_key, actor, embedding, batch.observations)
            q = self._q(self.critic, embedding, proposal.sample).mean(axis=0)
            value = (temperature * proposal.log_prob - q).mean()
            value += self._imitation_loss(proposal.mode, batch)
            entropy = -proposal.log_prob.mean()
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
        newest = _what_acts(actor, self.critic)
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

    def _imitation_loss(self, mode: jax.Array, batch: Batch) -> jax.Array:
        """Return the mean weighted squared distance of our mode to what humans did.

        It is 0 for other steps.
        """
        weight = self._imitation_weight(0 if batch.born is None else batch.born)
        distance = jnp.square(mode - self._smooth(batch.actions)).sum(axis=-1)
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
        head = ObservationHead(self.cameras, self.options.embedding)
        embedding: jax.Array = evaluate(head, critic["head"], observation)
        return embedding

    def _q(self, critic: Params, embedding: jax.Array, actions: Any) -> jax.Array:
        ensemble = critic_ensemble(self.options.critics, self.options.critic_width)
        values: jax.Array = evaluate(ensemble, critic["ensemble"], embedding, actions)
        return values

    @staticmethod
    def _actor_input(embedding: jax.Array, action: jax.Array) -> jax.Array:
        """Return what the actor sees, from an embedding and an action that others suggest."""
        return embedding

    def _propose(
        self, key: jax.Array, actor: Params, embedding: jax.Array, observation: Observation
    ) -> Proposal:
        """Return what the policy would do where `observation` is embedded as `embedding`."""
        mean, log_std = self._gaussian(actor, embedding)
        sample, log_prob = sample_with_log_prob(key, mean, log_std)
        return Proposal(sample, log_prob, jnp.tanh(mean))

    def _gaussian(self, actor: Params, seen: jax.Array) -> tuple[jax.Array, jax.Array]:
        network = _actor_network(self.action_dim, self.options)
        mean, log_std = evaluate(network, actor, seen)
        return mean, log_std


def _actor_network(action_dim: int, options: RLPDOptions) -> ActorNetwork:
    return ActorNetwork(action_dim, options.initial_log_std, options.max_log_std)


def _what_acts(actor: Params, critic: Params) -> Params:
    """Return the parameters that `act` needs, of the critic all but its values of actions."""
    return {"actor": actor} | {part: critic[part] for part in critic if part != "ensemble"}
