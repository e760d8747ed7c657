"""An episode as the learner takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hilctl.data.step import Step
from hilctl.data.toggles import toggles

if TYPE_CHECKING:
    from hilctl.networks.perception import Perception

Array = NDArray[Any]


@dataclass(frozen=True)
class Trajectory:
    """One episode as the replay buffers take it: T steps, T + 1 observations."""

    observations: Mapping[str, Array]
    actions: Array
    rewards: Array
    terminated: Array
    intervened: Array
    toggles: Array

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
        toggles(states),
    )
