"""The learner: replay buffers, a fixed ratio of updates to steps, one compiled call a chunk."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from hilctl.agents.base import Agent
from hilctl.data.replay import MixedSampler, ReplayBuffer
from hilctl.task.sections import CHUNK_STEPS
from hilctl.training.last_good import LastGood, copied
from hilctl.training.trajectory import Trajectory


class Learner:
    """Own the agent and its data; learn `updates_per_step` critic updates for every step taken.

    Args:
        agent: where to start.
        online, demos: the RL buffer and the demonstration buffer.
        rng: draws the batches.
        updates_per_step: critic updates per environment step.
        faults: folder for batches whose losses were not numbers; None = they are not kept.
    """

    def __init__(
        self,
        agent: Agent,
        online: ReplayBuffer,
        demos: ReplayBuffer,
        rng: np.random.Generator,
        *,
        updates_per_step: int,
        batch: int,
        faults: Path | None = None,
    ) -> None:
        self.agent = agent
        self._last_good = LastGood(agent, faults)
        self.online, self.demos = online, demos
        self._sampler = MixedSampler(online, demos)
        self._rng = rng
        self._updates_per_step = updates_per_step
        self._batch = batch
        self._owed_steps = self._deferred_steps = self._backlog_steps = 0
        self.updates = 0
        self.metrics: dict[str, float] = {}

    @property
    def has_demonstrations(self) -> bool:
        """Whether there is anything to learn from before the first episode."""
        return len(self.demos) > 0

    @property
    def owed_steps(self) -> int:
        """Robot steps whose updates have not been made yet."""
        return self._owed_steps

    @property
    def lag_steps(self) -> int:
        """Robot steps that the learner is behind, but for those that were deferred."""
        return self._owed_steps - self._backlog_steps

    @property
    def faults(self) -> int:
        """How often updates were undone because their losses were not numbers."""
        return self._last_good.faults

    def state(self) -> dict[str, Any]:
        """Return as plain JSON what, beside agent and buffers, decides how learning goes on."""
        return {
            "updates": self.updates,
            "owed_steps": self._owed_steps + self._deferred_steps,
            "rng": self._rng.bit_generator.state,
        }

    def restore(self, agent: Agent, state: Mapping[str, Any]) -> None:
        """Go on from a saved agent and what `state` returned then."""
        self.agent = agent
        self._last_good.start_from(agent)
        self.updates, self._owed_steps = state["updates"], state["owed_steps"]
        self._deferred_steps = self._backlog_steps = 0
        self._rng.bit_generator.state = state["rng"]

    def learn_at(self, rate: float) -> None:
        """Go on at another learning rate."""
        self.agent = self.agent.with_learning_rate(rate)
        self._last_good.start_from(self.agent)

    def add_demonstration(self, episode: Trajectory) -> None:
        """Put an episode into the demonstration buffer."""
        self.demos.add_episode(**vars(episode))

    def add_rollout(self, episode: Trajectory, *, born: int | None = None) -> None:
        """Put an episode into the RL buffer, and its human-controlled steps into both.

        Args:
            episode: as it was run.
            born: critic updates that had been made when it came in; None = those made so far.
        """
        born = self.updates if born is None else born
        self.online.add_episode(**vars(episode), born=born)
        if episode.intervened.any():
            self.demos.add_interventions(**vars(episode), born=born)

    def owe(self, steps: int) -> None:
        """Note that `steps` more environment steps, and those deferred, entitle to updates."""
        self._owed_steps += steps + self._deferred_steps
        self._backlog_steps += self._deferred_steps
        self._deferred_steps = 0

    def defer(self, steps: int) -> None:
        """Note that `steps` more environment steps will entitle to updates when others do."""
        self._deferred_steps += steps

    @property
    def is_behind(self) -> bool:
        """Whether a whole chunk of updates is owed."""
        return self._owed_steps >= CHUNK_STEPS

    def learn_owed(self) -> None:
        """Make all whole chunks of updates that are owed; a remainder is kept."""
        while self.is_behind:
            self.learn_owed_chunk()

    def learn_owed_chunk(self) -> None:
        """Make one of the chunks that are owed."""
        self._owed_steps -= CHUNK_STEPS
        self._backlog_steps = min(self._backlog_steps, self._owed_steps)
        self.learn_chunk()

    def rehearse(self) -> None:
        """Make the updates of one call on a copy, and forget them."""
        updates = CHUNK_STEPS * self._updates_per_step
        batches = self._sampler.sample_many(np.random.default_rng(0), updates, self._batch)
        jax.block_until_ready(copied(self.agent).update(batches))

    def learn_chunk(self) -> None:
        """Make one compiled call: `CHUNK_STEPS * updates_per_step` critic updates.

        Updates whose losses are not numbers are undone, and their batches kept for study.

        Raises:
            DataError: that happens again and again.
        """
        updates = CHUNK_STEPS * self._updates_per_step
        batches = self._sampler.sample_many(self._rng, updates, self._batch)
        agent, metrics = self.agent.update(batches)
        values = {name: float(value) for name, value in metrics.items()}
        if not all(map(math.isfinite, values.values())):
            self.agent = self._last_good.give_back(batches)
            return
        self.agent, self.metrics = agent, values
        self.updates += updates
        self._last_good.remember(agent)
