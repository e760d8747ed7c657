"""The typed form of `task.yaml` as a whole: one arm, several, or an environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from hilctl.task.sections import (
    ArmSpec,
    CameraSpec,
    ControlSpec,
    EnvironmentObservationSpec,
    Name,
    ObservationSpec,
    OperatorSpec,
    PluginSpec,
    RateSpec,
    ResetSpec,
    Section,
    Size,
    SteppedControlSpec,
    TrainingSpec,
)


class TaskSpec(Section):
    """A whole task: the only thing a person edits.

    A task with an `environment` is an `EnvironmentTaskSpec`, one with `arms` an `ArmsTaskSpec`:
    what these have in place of it is not there.
    """

    format: Literal[1] = Field(description="version of the layout of this file")
    name: Name = Field(description="letters, digits, '-' and '_', starting with a letter")
    instruction: str = Field(min_length=1, description="the task in one sentence")
    robot: PluginSpec = Field(description="the robot driver: {type: ..., its options}")
    cameras: dict[Name, CameraSpec] = Field(
        min_length=1,
        max_length=4,
        description="one to four cameras: name: {type: ..., size: [128, 128], its options}",
    )
    teleop: PluginSpec = Field(description="the device in the operator's hand: {type: ...}")
    control: ControlSpec = Field(description="how actions become motion, and the bounds")
    reset: ResetSpec = Field(description="where episodes start")
    operator: OperatorSpec = Field(
        default=OperatorSpec(), description="how long a person is waited for"
    )
    observation: ObservationSpec = Field(description="what the policy sees")
    reward: PluginSpec = Field(description="what says that the task is done: {type: ...}")
    agent: PluginSpec = Field(description="the learning algorithm: {type: ...}")
    training: TrainingSpec = Field(
        default=TrainingSpec(), description="how much of everything, and when to stop"
    )
    environment: PluginSpec | None = Field(
        default=None, description="in place of robot, cameras and reset: {type: ..., its options}"
    )
    arms: dict[Name, ArmSpec] | None = Field(
        default=None,
        description="several arms: name: {robot: ..., teleop: ..., control: ..., reset: ...}",
    )

    @property
    def each_arm(self) -> dict[str, ArmSpec]:
        """The arms by name; the only one is called "", and an environment has none."""
        only = ArmSpec.model_construct(
            robot=self.robot, teleop=self.teleop, control=self.control, reset=self.reset
        )
        return {"": only}

    @property
    def only_arm(self) -> ArmSpec:
        """The arm of a task that has one."""
        (arm,) = self.each_arm.values()
        return arm

    @property
    def hands(self) -> dict[str, PluginSpec]:
        """The devices in the operator's hands, by name of the arm."""
        return {"": self.teleop}

    @property
    def measurements(self) -> list[str]:
        """The names under which what the policy sees of the state is stored."""
        return list(self.observation.state)

    @property
    def views(self) -> dict[str, Size]:
        """The width and height in px of what is seen, by name of the camera."""
        return {name: camera.size for name, camera in self.cameras.items()}


def measurement_name(path: str) -> str:
    """Return what a path of an environment is called as a measurement, in files and task.yaml."""
    return path.replace("/", ".")


class EnvironmentTaskSpec(TaskSpec):
    """A task with an environment in place of robot, cameras and reset."""

    environment: PluginSpec = Field(description="the environment: {type: ..., its options}")
    robot: None = None  # type: ignore[assignment]
    cameras: dict[Name, CameraSpec] = Field(default={}, max_length=0)
    reset: None = None  # type: ignore[assignment]
    control: SteppedControlSpec = Field(
        default=SteppedControlSpec(), description="how many steps make a second and an episode"
    )
    observation: EnvironmentObservationSpec = Field(description="what the policy sees")

    @property
    def each_arm(self) -> dict[str, ArmSpec]:
        """No arms."""
        return {}

    @property
    def views(self) -> dict[str, Size]:
        """The width and height in px of what is seen, by name of the picture."""
        size = getattr(self.environment.options, "size", (128, 128))
        return dict.fromkeys(getattr(self.environment.options, "images", ()), size)


class ArmsTaskSpec(TaskSpec):
    """A task with several arms, each with what else stands at the top.

    `observation.state` is what is seen of every arm.
    """

    arms: dict[Name, ArmSpec] = Field(
        min_length=2,
        max_length=4,
        description="two to four arms: name: {robot: ..., teleop: ..., control: ..., reset: ...}",
    )
    robot: None = None  # type: ignore[assignment]
    teleop: None = None  # type: ignore[assignment]
    reset: None = None  # type: ignore[assignment]
    control: RateSpec = Field(  # type: ignore[assignment]
        default=RateSpec(), description="what all arms share: rate_hz and max_episode_s"
    )

    @property
    def each_arm(self) -> dict[str, ArmSpec]:
        """The arms by name."""
        return self.arms

    @property
    def hands(self) -> dict[str, PluginSpec]:
        """The devices in the operator's hands, by name of the arm."""
        return {name: arm.teleop for name, arm in self.arms.items()}

    @property
    def measurements(self) -> list[str]:
        """The names under which what the policy sees of the state is stored."""
        return [f"{arm}/{key}" for arm in self.arms for key in self.observation.state]


def spec_type(data: Mapping[str, Any]) -> type[TaskSpec]:
    """Return which kind of task the plain data of a file are of."""
    if data.get("environment") is not None:
        return EnvironmentTaskSpec
    return ArmsTaskSpec if data.get("arms") is not None else TaskSpec
