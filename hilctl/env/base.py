"""The environment contract: a Gymnasium environment that can be stopped and has a clock."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from hilctl.clock import Clock
from hilctl.task.action import no_motion

Array = NDArray[np.float64]
Obs = dict[str, dict[str, NDArray[Any]]]


class Environment(gymnasium.Env[Obs, Array]):
    """What an `EpisodeLoop` runs episodes in, with a robot or without.

    Observations are `{"images": {camera: (H, W, 3) uint8}, "state": {name: float array}}`; actions
    are (A,) in [-1, 1]. `info` carries `executed_action`, `stamp_ns`, `frame_stamps_ns`, `late_s`
    and, where it is known, `true_success`.

    Attributes:
        clock: that its control periods and stamps are told by.
    """

    clock: Clock

    def idle_action(self) -> Array:
        """Return the (A,) action that changes nothing now."""
        return no_motion()

    @abstractmethod
    def stop(self) -> None:
        """Hold still; idempotent, callable from any thread."""

    def resume(self) -> None:
        """Go on after a stop within an episode: that time belongs to no control period."""


def environment_of(env: gymnasium.Env[Obs, Array]) -> Environment:
    """Return the environment below all wrappers."""
    bare = env.unwrapped
    assert isinstance(bare, Environment)
    return bare
