"""The learner: replay buffers, a fixed ratio of updates to steps, one compiled call a chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl.agents.base import Agent
from hilctl.data.replay import MixedSampler, ReplayBuffer
from hilctl.data.step import Step
from hilctl.networks.perception import Perception
from hilctl.task.spec import CHUNK_STEPS

Array = NDArray[Any]


@dataclass(frozen=True)
class Trajectory:
    """One episode as the replay buffers take it: T steps, T + 1 observations."""

    observations: Mapping[str, Array]
    actions: Array
    rewards: Array
    terminated: Array
    intervened: Array

    def __len__(self) -> int:
        return len(self.actions)


def trajectory_of(steps: Sequence[Step], perception: Perception) -> Trajectory:
    """Return an episode that was just run, as the learner sees it."""
    frames = [*(step.observation for step in steps), steps[-1].next_observation]
    features = {n: np.stack([f.features[n] for f in frames]) for n in frames[0].features}
    states = {n: np.stack([f.state[n] for f in frames]) for n in frames[0].state}
    return Trajectory(
        perception(features, states),
        np.stack([step.executed_action for step in steps]),
        np.array([step.reward for step in steps]),
        np.array([step.terminated for step in steps]),
        np.array([step.intervened for step in steps]),
    )


class Learner:
    """Own the agent and its data; learn `updates_per_step` critic updates for every step taken.

    Args:
        agent: where to start.
        online, demos: the RL buffer and the demonstration buffer.
        rng: draws the batches.
        updates_per_step: critic updates per environment step.
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
    ) -> None:
        self.agent = agent
        self.online, self.demos = online, demos
        self._sampler = MixedSampler(online, demos)
        self._rng = rng
        self._updates_per_step = updates_per_step
        self._batch = batch
        self._owed_steps = 0
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

    def state(self) -> dict[str, Any]:
        """Return as plain JSON what, beside agent and buffers, decides how learning goes on."""
        return {
            "updates": self.updates,
            "owed_steps": self._owed_steps,
            "rng": self._rng.bit_generator.state,
        }

    def restore(self, agent: Agent, state: Mapping[str, Any]) -> None:
        """Go on from a saved agent and what `state` returned then."""
        self.agent = agent
        self.updates, self._owed_steps = state["updates"], state["owed_steps"]
        self._rng.bit_generator.state = state["rng"]

    def add_demonstration(self, episode: Trajectory) -> None:
        """Put an episode into the demonstration buffer."""
        self.demos.add_episode(**vars(episode))

    def add_rollout(self, episode: Trajectory) -> None:
        """Put an episode into the RL buffer, and its human-controlled steps into both."""
        self.online.add_episode(**vars(episode))
        if episode.intervened.any():
            self.demos.add_interventions(**vars(episode))

    def learn(self, steps: int) -> None:
        """Make the updates that `steps` environment steps entitle to; a remainder is kept."""
        self._owed_steps += steps
        while self._owed_steps >= CHUNK_STEPS:
            self._owed_steps -= CHUNK_STEPS
            self.learn_chunk()

    def learn_chunk(self) -> None:
        """Make one compiled call: `CHUNK_STEPS * updates_per_step` critic updates."""
        updates = CHUNK_STEPS * self._updates_per_step
        batches = self._sampler.sample_many(self._rng, updates, self._batch)
        self.agent, metrics = self.agent.update(batches)
        self.updates += updates
        self.metrics = {name: float(value) for name, value in metrics.items()}
