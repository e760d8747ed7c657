"""Grippers by reinforcement: a critic of what all of them can be told, and no actor.

Double Q-learning over the joint choice of every gripper, as in HIL-SERL (arXiv 2410.21845): the
newest critics choose what comes next, their slow copies say what that is worth (van Hasselt et al.
2016). A toggle costs something here, and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hilctl.agents.choices import chosen_jointly, discrete_parts, joint_choices
from hilctl.agents.options import RLPDOptions
from hilctl.data.batch import Batch
from hilctl.networks.heads import choice_critic_ensemble, evaluate
from hilctl.task.layout import ActionLayout

# of the values of two choices, that make one e times as likely in the eyes of imitation; a success
# is worth 1
IMITATION_SCALE = 0.05

CRITICS, WIDTH = 2, 128  # a few choices need smaller networks than actions do

Params = Any


@dataclass(frozen=True)
class GripperCritic:
    """What is known of grippers beforehand; what is learnt of them is passed in as `params`.

    Attributes:
        actions: layout with at least one discrete part.
        options: of the agent.
    """

    actions: ActionLayout
    options: RLPDOptions

    @property
    def table(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """(C, D): row by row, what all grippers can be told together."""
        return joint_choices(self.actions)

    @property
    def columns(self) -> list[int]:
        """Which D numbers of an action are the grippers'."""
        return [column for column, _ in discrete_parts(self.actions)]

    def create(self, key: jax.Array, embedding: Any) -> Params:
        """Return untrained critics: to them everything is worth 0."""
        return self._network.init(key, embedding)

    def values(self, params: Params, embedding: jax.Array) -> jax.Array:
        """Return (critics, ..., C) values of every joint choice."""
        values: jax.Array = evaluate(self._network, params, embedding)
        return values

    def choose(self, params: Params, embedding: jax.Array) -> jax.Array:
        """Return the (..., D) numbers that are worth most."""
        return jnp.asarray(self.table)[self._best(params, embedding)]

    def explore(self, params: Params, embedding: jax.Array, key: jax.Array) -> jax.Array:
        """Return the (D,) numbers that are worth most, now and then any others."""
        whether_key, which_key = jax.random.split(key)
        anything = jax.random.randint(which_key, (), 0, len(self.table))
        by_chance = jax.random.bernoulli(whether_key, self.options.gripper_exploration)
        return jnp.asarray(self.table)[
            jnp.where(by_chance, anything, self._best(params, embedding))
        ]

    def target(self, newest: jax.Array, slow: jax.Array, batch: Batch) -> jax.Array:
        """Return r - cost + γ · mask · the slow critics' least value of the newest one's choice.

        Args:
            newest: (critics, n, C) values of what comes next.
            slow: (critics, n, C), by the target network.
            batch: n transitions.
        """
        best = newest.mean(axis=0).argmax(axis=-1)
        next_q = jnp.take_along_axis(slow.min(axis=0), best[..., None], axis=-1)[..., 0]
        # leaving all as it is costs nothing, but for what is still on its way
        low, high = self.options.value_bounds or (0.0, 1.0)
        next_q = jnp.clip(next_q, low - self.options.gripper_cost * len(self.columns), high)
        rewards, masks = jnp.asarray(batch.rewards), jnp.asarray(batch.masks)
        if batch.toggles is not None:
            rewards = rewards - self.options.gripper_cost * jnp.asarray(batch.toggles, jnp.float32)
        return rewards + self.options.discount * masks * next_q

    def loss(
        self,
        params: Params,
        embedding: jax.Array,
        batch: Batch,
        target: jax.Array,
        imitation: Any,
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Return the squared error of what was chosen, and how unlike a human the values choose.

        The second part is the cross entropy of the human's choice, in units of value: 0 where that
        is worth more than all others by far.

        Args:
            params: of the critics.
            embedding: (n, E) of the observations.
            batch: n transitions.
            target: (n,) values of what was done.
            imitation: weight of the second part for steps of a human, (n,) or one for all.
        """
        every_q = self.values(params, embedding)
        done = chosen_jointly(jnp.asarray(batch.actions)[..., self.columns], self.table)
        q = jnp.take_along_axis(every_q, done[None, ..., None], axis=-1)[..., 0]
        error = jnp.square(q - target).mean()
        soft_best = IMITATION_SCALE * jax.nn.logsumexp(every_q / IMITATION_SCALE, axis=-1)
        unlike = ((soft_best - q) * imitation * batch.is_demo).mean()
        return error + unlike, {"gripper_loss": error, "gripper_q": q.mean()}

    def _best(self, params: Params, embedding: jax.Array) -> jax.Array:
        return self.values(params, embedding).mean(axis=0).argmax(axis=-1)

    @property
    def _network(self) -> Any:
        return choice_critic_ensemble(CRITICS, len(self.table), WIDTH)
