"""What train and eval share: a task's encoder, its classifier, its encoded demonstrations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hilctl.agents.options import AgentOptions
from hilctl.data.cache import ArrayCache, written
from hilctl.data.dataset import Dataset
from hilctl.data.episode import Episode
from hilctl.data.step import Outcome
from hilctl.data.toggles import toggles
from hilctl.networks.encoders.base import Encoder
from hilctl.networks.perception import Perception, pose_key
from hilctl.pipeline.events import Event, Report, ShouldStop, never, silent
from hilctl.rewards.again import rewards_again
from hilctl.rewards.base import Reward
from hilctl.rewards.learnt import cameras_of_demonstrations
from hilctl.task.fingerprint import data_fingerprint, data_identity
from hilctl.task.layout import ActionLayout, ObservationLayout
from hilctl.task.spec import TaskSpec
from hilctl.task.workspace import Workspace
from hilctl.training.trajectory import Trajectory

FEATURES = "features"  # beside the demonstrations


@dataclass(frozen=True)
class Demonstrations:
    """Successful demonstrations, encoded once.

    Attributes:
        episodes: as stored.
        features: for each episode, camera → (T + 1, rows, columns, channels).
    """

    episodes: list[Episode]
    features: list[Mapping[str, NDArray[np.float16]]]

    @classmethod
    def load(
        cls,
        workspace: Workspace,
        encoder: Encoder,
        report: Report = silent,
        stop: ShouldStop = never,
    ) -> Demonstrations:
        """Read and encode the demonstrations of a task folder.

        Args:
            workspace: the task folder.
            encoder: of the task.
            report: told of every episode.
            stop: asked before every episode; True leaves the rest out.

        Raises:
            DataError: a file is unreadable or of another task.
        """
        spec = workspace.spec
        dataset = Dataset.open(
            workspace.demos,
            expect_fingerprint=data_fingerprint(spec),
            expect_identity=data_identity(spec),
            expect_actions=ActionLayout.of(spec),
        )
        cache, cameras = ArrayCache(workspace.demos / FEATURES), cameras_of_demonstrations(spec)
        episodes, features = [], []
        for episode in dataset.episodes(lambda header: header.outcome is Outcome.SUCCESS):
            if stop():
                break
            episodes.append(episode)
            features.append(_encoded_once(episode, cameras, encoder, cache))
            done, total = len(episodes), len(dataset)
            report(Event("encode", f"encoding demonstrations {done}/{total}", done, total))
        return cls(episodes, features)

    @property
    def action_layout(self) -> ActionLayout:
        """What was done in them; there is at least one."""
        return self.episodes[0].header.action_layout

    def observation_layout(self, spec: TaskSpec) -> ObservationLayout:
        """Return the layout of what the policy is shown of them; there is at least one."""
        return self.episodes[0].layout.only(spec.observation.images, spec.measurements)

    def perception(self, spec: TaskSpec) -> Perception:
        """Fit what the policy sees on these demonstrations."""
        cameras = spec.observation.images
        joined = {name: np.concatenate([f[name] for f in self.features]) for name in cameras}
        return Perception.fit(
            joined,
            [states_of(episode, spec.measurements) for episode in self.episodes],
            keys=spec.measurements,
            relative=spec.observation.relative,
            channels=cast(AgentOptions, spec.agent.options).kept_channels,
        )

    def trajectories(
        self, perception: Perception, reward: Reward | None = None
    ) -> list[Trajectory]:
        """Return the episodes as the learner takes them.

        Args:
            perception: what the policy sees.
            reward: judges them again if its steps earn something on the way; None = as recorded.
        """
        again = reward if reward is not None and reward.pays_on_the_way else None
        return [
            replace(
                trajectory_from(episode, perception(features, states_of(episode, perception.keys))),
                intervened=np.ones(len(episode), bool),
                rewards=episode.rewards if again is None else earned_by(episode, features, again),
            )
            for episode, features in zip(self.episodes, self.features, strict=True)
        ]


def earned_by(
    episode: Episode, features: Mapping[str, NDArray[np.float16]], reward: Reward
) -> NDArray[np.float64]:
    """Return the (T,) rewards that a stored episode earns by a reward as it is now."""
    states = {key: episode.state(key) for key in episode.state_keys}
    success = episode.header.outcome is Outcome.SUCCESS
    return rewards_again(reward, features, states, episode.actions, success=success)


def trajectory_from(episode: Episode, observations: Mapping[str, NDArray[Any]]) -> Trajectory:
    """Return a stored episode, whose (T + 1) perceived observations are given."""
    return Trajectory(
        observations,
        episode.actions,
        episode.rewards,
        episode.terminated,
        episode.intervened,
        toggles({key: episode.state(key) for key in episode.state_keys}),
    )


def encode_episode(
    episode: Episode, cameras: list[str], encoder: Encoder
) -> Mapping[str, NDArray[np.float16]]:
    """Return camera → (T + 1, rows, columns, channels) features of a stored episode."""
    return {camera: encoder.encode_many(episode.images(camera)) for camera in cameras}


def _encoded_once(
    episode: Episode, cameras: list[str], encoder: Encoder, cache: ArrayCache
) -> Mapping[str, NDArray[np.float16]]:
    file = episode.header.path
    origin = f"{encoder.fingerprint} of {written(file)}"
    features = cache.get(file.stem, origin, rows=len(episode) + 1)
    if features is None or not set(cameras) <= set(features):
        features = dict(encode_episode(episode, cameras, encoder))
        cache.keep(file.stem, origin, features)
    return {camera: features[camera] for camera in cameras}


def states_of(episode: Episode, keys: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Return state name → (T + 1, ·) of a stored episode: the pose and what else is wanted.

    Raises:
        DataError: the episode lacks one of them.
    """
    origin = {pose_key(key) for key in keys} & {*episode.state_keys}
    return {key: episode.state(key) for key in (*origin, *keys)}
