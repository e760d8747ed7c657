"""An episode in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hilctl.data import layout
from hilctl.data.header import EpisodeHeader, checked, opened
from hilctl.data.own_numbers import datasets_in, has_link
from hilctl.errors import DataError
from hilctl.task.layout import ObservationLayout

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Episode:
    """One episode in memory: T steps and the T + 1 observations around them.

    Attributes:
        header: what is known of the whole.
        observations: camera → (T + 1, H, W, 3) uint8 RGB, state key → (T + 1, ·) float.
        actions: (T, A) as executed, in [-1, 1].
        policy_actions: (T, A), NaN where no policy was asked.
        human_actions: (T, A), NaN where no hand was on the robot.
        intervened: (T,) bool.
        rewards: (T,) float.
        terminated: (T,) bool, the task ended here.
        truncated: (T,) bool, the episode was cut here.
        dones: (T,) bool, either of them.
        probability: (T,) of the reward model, or NaN.
        stamps_ns: (T + 1,) int64 monotonic.
        frame_stamps_ns: camera → (T + 1,) int64 monotonic.
        labels: (T,) int8 of the observation after each action, as the reward is: 1 success,
            0 failure, -1 neither; None where none were kept.
    """

    header: EpisodeHeader
    observations: Mapping[str, Array]
    actions: Array
    policy_actions: Array
    human_actions: Array
    intervened: NDArray[np.bool_]
    rewards: Array
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    dones: NDArray[np.bool_]
    probability: Array
    stamps_ns: NDArray[np.int64]
    frame_stamps_ns: Mapping[str, NDArray[np.int64]]
    labels: NDArray[np.int8] | None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a whole episode.

        Raises:
            DataError: not an episode file, truncated, inconsistent, or of another format.
        """
        with opened(path) as group:
            header = checked(path, group)
            observations = {
                key: np.concatenate([group[f"obs/{key}"][()], group[f"final_obs/{key}"][()]])
                for key in datasets_in(group, "obs")
            }
            columns = {name: group[name][()] for name in layout.STEP_COLUMNS}
            stamps = group[layout.STAMP_COLUMN][()]
            frames = {key: column[()] for key, column in group[layout.FRAME_STAMPS].items()}
            labels = group[layout.LABELS][()] if has_link(group, layout.LABELS) else None
            _check_finite({**observations, "actions": columns["actions"]})
            _check_finite({"rewards": columns["rewards"]})
        return cls(
            header=header,
            observations=observations,
            stamps_ns=stamps,
            frame_stamps_ns=frames,
            labels=labels,
            **columns,
        )

    def __len__(self) -> int:
        """Return T, the number of steps."""
        return len(self.actions)

    @property
    def cameras(self) -> list[str]:
        """The cameras, in alphabetical order."""
        return [key for key, value in self.observations.items() if layout.is_image(value)]

    @property
    def layout(self) -> ObservationLayout:
        """What its observations hold, by its rows."""
        frames = {name: self.observations[name].shape for name in self.cameras}
        return ObservationLayout(
            {name: (width, height) for name, (_, height, width, _) in frames.items()},
            {name: self.observations[name].shape[1] for name in self.state_keys},
        )

    @property
    def state_keys(self) -> list[str]:
        """The state keys, in alphabetical order."""
        return [key for key, value in self.observations.items() if not layout.is_image(value)]

    def images(self, camera: str) -> NDArray[np.uint8]:
        """Return a camera's frames, (T + 1, H, W, 3) uint8 RGB.

        Raises:
            DataError: there is no such camera in the file.
        """
        return self._observed(camera, self.cameras, "camera")

    def state(self, key: str) -> Array:
        """Return a state, (T + 1, ·).

        Raises:
            DataError: there is no such state in the file.
        """
        return self._observed(key, self.state_keys, "state")

    def _observed(self, key: str, known: list[str], what: str) -> Array:
        if key not in known:
            raise DataError(
                f"the episode has no {what} {key!r}, only {', '.join(known)}",
                where=str(self.header.path),
                hint="move this file elsewhere and record anew, or leave that out in task.yaml",
            )
        return self.observations[key]


def _check_finite(arrays: Mapping[str, Array]) -> None:
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{name} holds values that are not finite")
