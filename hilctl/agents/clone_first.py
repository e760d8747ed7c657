"""What agents share that clone the demonstrations first and reinforce beside the clone then."""

from __future__ import annotations

from typing import Any, Self

import flax.struct
import jax
import jax.numpy as jnp

from hilctl.agents.base import Metrics, Observation
from hilctl.agents.bc import BC
from hilctl.agents.options import AgentOptions, BCOptions, CloneFirstOptions
from hilctl.agents.rlpd import RLPD
from hilctl.data.batch import Batch
from hilctl.task.layout import ActionLayout


class CloneFirst(RLPD):
    """RLPD beside a clone of the demonstrations that is frozen once it is made.

    The first `clone_updates` updates make the clone and nothing else; the learner makes them before
    the robot moves. The clone counts them and is part of the agent, so checkpoints hold both.
    """

    options: CloneFirstOptions = flax.struct.field(pytree_node=False)
    base: Any = None  # a BC; optional for `RLPD._created` alone, which knows of none

    @classmethod
    def create(
        cls, key: jax.Array, observation: Observation, actions: ActionLayout, options: Any
    ) -> Self:
        """Return an untrained agent beside an untrained clone."""
        agent = super().create(key, observation, actions, options)
        shared = {name: getattr(options, name) for name in AgentOptions.model_fields}
        base = BC.create(jax.random.fold_in(key, 1), observation, actions, BCOptions(**shared))
        return agent.replace(base=base)

    def acting(self) -> Any:
        """Return what acts of RLPD, and the clone's parameters."""
        return {"learnt": super().acting(), "base": self.base.acting()}

    def with_acting(self, arrays: Any) -> Self:
        """Return a copy that acts with other parameters of both."""
        agent = super().with_acting(arrays["learnt"])
        return agent.replace(base=self.base.with_acting(arrays["base"]))

    def _imitation_weight(self, born: Any = 0) -> Any:
        # the learner counts the clone's updates, too
        return super()._imitation_weight(jnp.maximum(born - self.options.clone_updates, 0))

    def _learnt(self, batches: Batch) -> tuple[Self, Metrics]:
        def clone(agent: Self) -> tuple[Self, Metrics]:
            base, metrics = agent.base.cloned(batches)
            return agent.replace(base=base), nothing | metrics

        def reinforce(agent: Self) -> tuple[Self, Metrics]:
            agent, metrics = super()._learnt(batches)
            return agent, nothing | metrics

        _, learnt = jax.eval_shape(super()._learnt, batches)
        nothing = {name: jnp.zeros(()) for name in (*learnt, "bc_loss")}
        is_cloning = self.base.updates < self.options.clone_updates
        return jax.lax.cond(is_cloning, clone, reinforce, self)
