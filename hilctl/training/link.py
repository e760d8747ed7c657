"""What flows between the side that acts and the side that learns, however it is carried."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hilctl.data.step import EpisodeSummary, Step
from hilctl.errors import DataError
from hilctl.task.layout import ActionLayout, ObservationLayout
from hilctl.training.trajectory import Trajectory, trajectory_of

if TYPE_CHECKING:
    from hilctl.agents.base import Agent
    from hilctl.networks.perception import Perception
    from hilctl.rewards.base import RewardModel

CORRECTING_FRAMES = 3  # last frames of an episode whose verdict the operator overruled


@dataclass(frozen=True)
class FinishedEpisode:
    """An episode on its way to the learner.

    Attributes:
        number: 1, 2, 3 … within the run, as on disk: nothing is taken in twice, and a gap shows.
        trajectory: what the networks learn from.
        summary: how it went.
        correction: camera → (n, rows, columns, channels) features of its last frames when the
            operator overruled the reward, else None.
        trial: number of the trial of its policy, for which learning rests; 0 = none.
        policy_updates: critic updates behind the policy that acted.
    """

    number: int
    trajectory: Trajectory
    summary: EpisodeSummary
    correction: Mapping[str, NDArray[Any]] | None = None
    trial: int = 0
    policy_updates: int = 0


@dataclass(frozen=True)
class PolicyUpdate:
    """A newer policy.

    Attributes:
        updates: critic updates behind it.
        agent: acts.
    """

    updates: int
    agent: Agent


@dataclass(frozen=True)
class RewardUpdate:
    """A newer reward.

    Attributes:
        version: of the reward.
        model: judges.
    """

    version: int
    model: RewardModel


@dataclass(frozen=True)
class Greeting:
    """What the acting side has to know before anything else.

    Attributes:
        taken: number of the last episode that the learner has.
        perception: arrays of what its policies see.
        actions: layout of what its policies do.
        observations: layout of what they are shown.
    """

    taken: int
    perception: Mapping[str, NDArray[Any]]
    actions: ActionLayout
    observations: ObservationLayout

    def check_environment(self, actions: ActionLayout, observations: ObservationLayout) -> None:
        """Check that what the learner has learnt from fits what its policies shall act in.

        Raises:
            DataError: it does not; says in what.
        """
        difference = self.actions.difference(actions)
        if difference := difference or self.observations.difference(observations):
            raise DataError(
                f"the learner works with {difference}",
                hint="record demonstrations with these devices, then: hilctl train --new",
            )


@dataclass(frozen=True)
class Health:
    """How the learning side is, as far as the acting side knows.

    Attributes:
        connected: whether it can be reached.
        updates: critic updates so far.
        lag_steps: robot steps that learning is behind, but for those that a trial held back.
        is_behind: whether updates are to be made, those of trials included.
        episodes: number of the last episode it took in.
        online_steps, demo_steps: transitions in the replay buffers.
        faults: updates undone because they were not numbers.
        metrics: newest losses and values.
    """

    connected: bool = False
    updates: int = 0
    lag_steps: int = 0
    is_behind: bool = False
    episodes: int = 0
    online_steps: int = 0
    demo_steps: int = 0
    faults: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)


class Link(Protocol):
    """The acting side's end; no call but `settle` waits for the learner."""

    def send(self, episode: FinishedEpisode) -> None:
        """Pass an episode on; what cannot be delivered now is delivered later."""
        ...

    def settle(self, stop: Callable[[], bool]) -> None:
        """Wait, for a while at most, until the newest policy has learnt from all that was sent.

        Args:
            stop: asked again and again whether to wait no longer.
        """
        ...

    def latest_policy(self) -> PolicyUpdate | None:
        """Return the newest policy, or None when there is none since the last call."""
        ...

    def latest_reward(self) -> RewardUpdate | None:
        """Return the newest reward, or None when there is none since the last call."""
        ...

    def health(self) -> Health:
        """Return the newest that is known."""
        ...


def finished_episode(
    number: int,
    steps: Sequence[Step],
    summary: EpisodeSummary,
    perception: Perception,
    *,
    trial: int = 0,
    policy_updates: int = 0,
) -> FinishedEpisode:
    """Return an episode that was just run, for the learner."""
    overruled = summary.vetoed or summary.claimed
    return FinishedEpisode(
        number,
        trajectory_of(steps, perception),
        summary,
        last_features(steps, CORRECTING_FRAMES) if overruled else None,
        trial,
        policy_updates,
    )


def last_features(steps: Sequence[Step], count: int) -> Mapping[str, NDArray[Any]]:
    """Return camera → (n, rows, columns, channels) features of an episode's last frames."""
    frames = [step.next_observation.features for step in steps[-count:]]
    return {camera: np.stack([frame[camera] for frame in frames]) for camera in frames[0]}
