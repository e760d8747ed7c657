"""The sections of `task.yaml`: what each key means, its unit and its bounds."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, ValidationError

from hilctl.devices import Options

# Sequences come from YAML as lists; the numbers in them stay strict.
Vec6 = Annotated[tuple[float, float, float, float, float, float], Field(strict=False)]
NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]*$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Side = Annotated[int, Field(ge=16, le=4096)]
Size = Annotated[tuple[Side, Side], Field(strict=False)]
Offset = Annotated[int, Field(ge=0)]
Extent = Annotated[int, Field(ge=1)]
Box = Annotated[tuple[Offset, Offset, Extent, Extent], Field(strict=False)]
CHUNK_STEPS = 4  # robot steps whose updates are one compiled call; fixed, so one compilation
StateKey = Literal[
    "tcp_pose", "tcp_velocity", "tcp_wrench", "joint_position", "joint_velocity", "gripper"
]
Axis = Literal["x", "y", "z", "rx", "ry", "rz"]
Load = Annotated[float, Field(gt=0, le=300)]
M = TypeVar("M", bound=BaseModel)


class Section(BaseModel):
    """Base of every section: unknown keys and silent conversions are errors, values immutable.

    Descriptions of fields are shown to people when a value is wrong.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PluginSpec(Section):
    """A section with a `type` key; all its other keys are that type's options."""

    type: str
    options: SerializeAsAny[Options]


class CameraSpec(PluginSpec):
    """One camera: what it delivers, and what the policy sees of it."""

    size: Size = Field(
        default=(128, 128),
        description="[width, height] in px of what is stored and encoded, 16 to 4096 each",
    )
    crop: Box | None = Field(
        default=None, description="[x, y, width, height] in px on the raw frame; absent = all of it"
    )


class Bounds(Section):
    """Box the tcp may not leave.

    x, y, z in m in the base frame, then a rotation vector in rad from the reset pose, about its
    own axes.
    """

    low: Vec6 = Field(
        description="[x, y, z] in m in the base frame, "
        "then a rotation vector [rx, ry, rz] in rad from the reset pose, about its own axes"
    )
    high: Vec6 = Field(
        description="[x, y, z] in m in the base frame, "
        "then a rotation vector [rx, ry, rz] in rad from the reset pose, about its own axes"
    )

    cone_rad: float | None = Field(
        default=None,
        gt=0,
        le=3.15,
        description="how far the tool's axis may lean from that of the reset pose, rad; "
        "absent = as far as low and high let it",
    )


class RateSpec(Section):
    """How often a policy acts, and for how long."""

    rate_hz: float = Field(
        default=10.0,
        ge=1,
        le=50,
        description="how often the policy acts, 1 to 50 Hz; "
        "the arm's own controller runs faster underneath",
    )
    max_episode_s: float = Field(
        default=10.0, gt=0, le=300, description="seconds until an episode is cut, up to 300"
    )
    fixed_length: Literal["end", "during"] | None = Field(
        default=None,
        description="every episode lasts max_episode_s, and is rewarded once, at its end: for "
        "success at its end, or at any time during it; absent = success ends it",
    )


class ArmControlSpec(Section):
    """How the policy's numbers become motion of an arm."""

    action: Literal["delta_pose", "wrench"] = Field(
        default="delta_pose",
        description="what an action means: a step of the tool's pose, "
        "or what the tool is pushed with",
    )
    wrench: dict[Axis, Load] | None = Field(
        default=None,
        min_length=1,
        description="numbers of an action: wrench, and what 1.0 of each means: N along the tool's "
        "x, y, z, N·m about rx, ry, rz; e.g. {x: 20, z: 40, ry: 5}",
    )
    translation_m: float = Field(
        default=0.01, gt=0, le=0.1, description="metres the tool moves for action 1.0, up to 0.1"
    )
    rotation_rad: float = Field(
        default=0.06, gt=0, le=0.6, description="radians the tool turns for action 1.0, up to 0.6"
    )
    gripper: Literal["none", "discrete", "continuous"] = Field(
        default="none",
        description="how the gripper is controlled: not at all, told to open or close, "
        "or how far to open",
    )
    bounds: Bounds = Field(description="box the tool may not leave: {low: [...], high: [...]}")
    max_force_n: float | None = Field(
        default=None,
        gt=0,
        le=500,
        description="force on the tool, N, at which it backs out; absent = the arm's own limits",
    )
    max_torque_nm: float | None = Field(
        default=None,
        gt=0,
        le=100,
        description="torque on the tool, N·m, at which it backs out; absent = the arm's own limits",
    )


class ControlSpec(ArmControlSpec, RateSpec):
    """How the policy's numbers become motion of the only arm."""


class ResetSpec(Section):
    """Where episodes start."""

    pose: Vec6 = Field(
        description="[x, y, z] in m, then [roll, pitch, yaw] in rad about fixed axes; base frame"
    )
    random_xy_m: float = Field(
        default=0.02, ge=0, le=0.2, description="half width in m of the random start in x and y"
    )
    random_z_m: float = Field(
        default=0.0, ge=0, le=0.2, description="half width in m of the random start in z"
    )
    random_yaw_rad: float = Field(
        default=0.1,
        ge=0,
        le=3.15,
        description="half width in rad of the random start in yaw, about the vertical",
    )
    depth_m: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="how deep the tool goes into something, in m: it is drawn out slowly that far; "
        "absent = as far as its own way in tells, or all the way",
    )
    by: Literal["script", "human"] = Field(
        default="script",
        description="who puts the objects of the scene back; "
        "human = episodes begin when a person says ready",
    )


class ArmSpec(Section):
    """One arm: its robot, the hand that drives it, how it moves and where it starts."""

    robot: PluginSpec = Field(description="the robot driver: {type: ..., its options}")
    teleop: PluginSpec = Field(description="the device in the operator's hand: {type: ...}")
    control: ArmControlSpec = Field(description="how actions become motion, and the bounds")
    reset: ResetSpec = Field(description="where episodes start")


class ObservationSpec(Section):
    """What the policy sees."""

    images: list[Name] = Field(min_length=1, description="names of cameras, at least one")
    state: list[StateKey] = Field(min_length=1, description="names of measurements, at least one")
    relative: bool = Field(
        default=True,
        description="poses relative to the first of the episode",
    )


class OperatorSpec(Section):
    """What a person at the controls is shown, and how long they are waited for."""

    view_hz: float = Field(
        default=10.0,
        ge=0,
        le=30,
        description="pictures of the cameras a second, in the terminal of a person who drives; "
        "0 = none",
    )

    verdict_s: float = Field(
        default=5.0,
        ge=0,
        le=600,
        description="seconds for a verdict after an episode, up to 600; 0 = none is asked for",
    )
    verdict: Literal["reward", "failure", "discard"] = Field(
        default="reward",
        description="what counts when no verdict comes: the reward's, a failure, or nothing",
    )
    wait_s: float = Field(
        default=900.0,
        gt=0,
        le=86_400,
        description="seconds until things must be back in place or a pause over, up to a day; "
        "then the command saves and stops",
    )
    remind_s: float = Field(
        default=30.0, ge=1, le=3600, description="seconds between two reminders meanwhile"
    )

    dead_man: bool = Field(
        default=False,
        description="whether the robot moves only while a button that means `enable` is held down",
    )


class TrainingSpec(Section):
    """How much of everything."""

    demos: int = Field(default=20, ge=1, le=1000, description="successful demonstrations to record")
    updates_per_step: int = Field(
        default=2, ge=1, le=64, description="learner updates for every step of the robot"
    )
    updates_before: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="learner updates on the demonstrations before the robot moves",
    )
    max_robot_minutes: float = Field(
        default=60.0, gt=0, le=100_000, description="robot minutes after which training gives up"
    )
    target_success: float = Field(
        default=0.95,
        gt=0,
        le=1,
        description="share of successes at which training stops, 0 to 1; "
        "ours: HIL-SERL goes on to about 1",
    )
    wandb: str | None = Field(
        default=None, min_length=1, description="project on Weights & Biases that gets the figures"
    )


class SteppedControlSpec(ControlSpec):
    """How an environment that is stepped, not timed, counts its steps."""

    bounds: None = None  # type: ignore[assignment]


class EnvironmentObservationSpec(ObservationSpec):
    """What the policy sees of an environment; absent = all of it."""

    state: list[str] = Field(  # type: ignore[assignment]
        min_length=1, description="paths of measurements, of those of the environment"
    )
    relative: Literal[False] = Field(default=False, description="its numbers are as they are")


def section_of(model: type[M], data: Any) -> M | None:
    """Return a section from its plain data, None where it is wrong: that is told elsewhere."""
    try:
        return model.model_validate(data)
    except ValidationError:
        return None
