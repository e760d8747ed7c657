"""The environment contract: a Gymnasium environment that can be stopped and has a clock."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Literal, Self

import gymnasium
import numpy as np
from numpy.typing import NDArray

from hilctl.clock import Clock
from hilctl.devices import Device
from hilctl.errors import DeviceError
from hilctl.task.layout import ActionLayout, ObservationLayout
from hilctl.task.sections import ControlSpec

Array = NDArray[np.float64]
Obs = dict[str, dict[str, NDArray[Any]]]

# of `Environment.reset`: whoever is waited for before an episode, whose first look comes after it
AT_THE_START = "at_the_start"


class Environment(gymnasium.Env[Obs, Array]):
    """What an `EpisodeLoop` runs episodes in, with a robot or without.

    Observations are `{"images": {camera: (H, W, 3) uint8}, "state": {name: float array}}`; actions
    are (A,) in [-1, 1]. `info` carries `executed_action`, `stamp_ns`, `frame_stamps_ns`, `late_s`
    and, where it is known, `true_success`.

    Attributes:
        clock: that its control periods and stamps are told by.
        action_layout: what the numbers of an action are.
        observation_layout: what an observation holds.
    """

    clock: Clock
    action_layout: ActionLayout
    observation_layout: ObservationLayout

    @property
    def fixed_length(self) -> Literal["end", "during"] | None:
        """Whether episodes last as long as they can, and when success counts then."""
        return None

    @property
    def is_real(self) -> bool:
        """Whether anything of it can be lost: an arm or a camera of the real world."""
        return False

    def idle_action(self) -> Array:
        """Return the (A,) action that changes nothing now."""
        return self.action_layout.idle()

    def driven_by(self, twist: Array, gripper: int) -> Array:
        """Return the (A,) action of a hand that says so: (6,) in [-1, 1], and -1, 0 or 1."""
        return twist

    @abstractmethod
    def stop(self) -> None:
        """Hold still; idempotent, callable from any thread."""

    def resume(self) -> None:
        """Go on after a stop within an episode: that time belongs to no control period."""

    def lost(self) -> dict[str, DeviceError]:
        """Return which of its devices do not answer now, by what they are called, and why."""
        return {}

    def clear_errors(self) -> None:
        """Clear the errors that have stopped arms: on a person's word alone.

        Raises:
            DeviceError: one is not cleared.
        """


class TaskEnvironment(Environment, Device):
    """An environment that a task names in place of robot, cameras and reset.

    It is opened and closed as a device is; clock, layouts and spaces are known once it is open.
    `reset` calls `options[AT_THE_START]`, where there is one, before its first look.

    Attributes:
        control: the task's; set by whoever builds it.
        executed: the (A,) action of the last step; None before the first one.
    """

    control: ControlSpec
    executed: Array | None = None

    @property
    def fixed_length(self) -> Literal["end", "during"] | None:
        """What the task says."""
        return self.control.fixed_length

    @abstractmethod
    def look(self) -> Obs:
        """Return what is seen now, without a step."""

    @abstractmethod
    def solved(self) -> bool:
        """Return whether the task is done, in truth."""

    def hire(self, operator: str) -> None:
        """Have an expert look on, `package.module:factory`; an episode begins for it.

        Raises:
            DeviceError: there is none, or it fails; here: nobody can be hired.
        """
        raise DeviceError(
            f"environments of type {type(self).__name__} take no expert: {operator}",
            hint="choose another teleop type in task.yaml",
        )

    def advice(self) -> Array:
        """Return the (A,) action in [-1, 1] that the expert would take now."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        """Open it: Gymnasium's own does nothing."""
        self.open()
        return self

    def __exit__(self, *exc: object) -> None:  # type: ignore[override]  # both bases close it
        self.close()


def environment_of(env: gymnasium.Env[Obs, Array]) -> Environment:
    """Return the environment below all wrappers."""
    bare = env.unwrapped
    assert isinstance(bare, Environment)
    return bare
