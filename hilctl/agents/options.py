"""Settings of the agents; reading a task file needs these, but no JAX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import AfterValidator, Field, model_validator

from hilctl.devices import Options


def _in_order(bounds: tuple[float, float]) -> tuple[float, float]:
    low, high = bounds
    if not low < high:
        raise ValueError(f"the least, {low:g}, is not below the most, {high:g}")
    return bounds


class Dependence(NamedTuple):
    """An option that changes nothing while another one has a certain value."""

    option: str
    other: str
    value: Any


class AgentOptions(Options):
    """What every agent needs: how pictures become numbers, and how much is learnt at once.

    Options that the pipeline reads where an agent has them: `value_bounds`, beside `discount`;
    `max_log_std`, beside `initial_log_std` and `target_entropy`; `late_learning_rate`, beside
    `late_success`; `critic_updates_per_actor`. Of its metrics, `q` is the mean value that the coach
    and the report look at.
    """

    needs_robot: ClassVar[bool] = True  # False: learns from demonstrations alone, OfflineOptions
    stages: ClassVar[tuple[str, ...]] = ("demos",)  # of the task, that it learns from
    learns_grippers: ClassVar[bool] = False  # those that are told to open or close
    learns_openings: ClassVar[bool] = False  # continuous grippers
    dependent: ClassVar[tuple[Dependence, ...]] = (Dependence("channels", "embedding", "spatial"),)

    @property
    def kept_channels(self) -> int | None:
        """How many principal components of a camera's features are kept; None = all as they are."""
        return None if self.embedding == "spatial" else self.channels

    @property
    def updates_first(self) -> int:
        """Updates before the robot moves that no setting of the task asks for."""
        return 0

    encoder: str = Field(
        default="efficientnet-lite0", description="frozen image encoder; HIL-SERL's is resnet10"
    )
    weights: str | None = Field(
        default=None, description="file with the encoder's weights; absent = the package index's"
    )
    channels: int = Field(
        default=8,
        ge=1,
        le=512,
        description="principal components kept of each camera's features; "
        "HIL-SERL learns an embedding of all of them instead",
    )
    embedding: Literal["components", "spatial"] = Field(
        default="components",
        description="what a policy sees of a camera's features: so many `channels` of principal "
        "components, or spatial: sums over the positions of every channel, learned, as HIL-SERL's",
    )
    batch: int = Field(default=256, ge=2, le=4096, description="transitions in an update")
    learning_rate: float = Field(default=3e-4, gt=0, le=0.1, description="of Adam")
    shift_cells: float = Field(
        default=0.25,
        ge=0,
        le=1,
        description="largest random shift in cells of the feature maps; "
        "0.25 of an 8×8 map is HIL-SERL's 4 px of 128",
    )


# by encoder: HIL-SERL shifts by 4 px of 128
_SHIFT_CELLS = {"resnet10": 4 * 4 / 128, "efficientnet-lite0": 4 * 8 / 128}
HIL_SERL: Mapping[str, Any] = {
    "embedding": "spatial",
    "batch": 256,
    "learning_rate": 3e-4,
    "target_rate": 0.005,
    "initial_temperature": 0.01,
    "initial_log_std": 0.0,
    "max_log_std": 1.6,
    "target_entropy": -0.5,
    "critics": 2,
    "critic_width": 256,
    "critic_updates_per_actor": 2,
    "average_rate": 1.0,
    "imitation": 0.0,
    "imitation_half_life": None,
    "gripper_exploration": 0.0,
}


class RLPDOptions(AgentOptions):
    """Settings of soft actor-critic; the defaults are HIL-SERL's unless a description differs."""

    learns_grippers: ClassVar[bool] = True
    dependent: ClassVar[tuple[Dependence, ...]] = (
        *AgentOptions.dependent,
        Dependence("imitation_half_life", "imitation", 0.0),
        Dependence("late_success", "late_learning_rate", None),
    )

    preset: Literal["hil-serl"] | None = Field(
        default=None,
        description="hil-serl: all settings as its authors have them, but the discount, which "
        "differs between their tasks; their ResNet-10 where `weights` names its file, else our "
        "encoder",
    )
    discount: float = Field(default=0.97, gt=0, lt=1, description="of the next step's value")
    target_rate: float = Field(
        default=0.005, gt=0, le=1, description="share of the critic in its target, an update"
    )
    initial_temperature: float = Field(
        default=0.01, gt=0, le=10, description="weight of the entropy at first; it adapts"
    )
    initial_log_std: float = Field(
        default=-1.5,
        ge=-10,
        le=1,
        description="logarithm of the actor's spread at first; "
        "ours: HIL-SERL starts near 0, pushes across all of the action's range",
    )
    max_log_std: float = Field(
        default=1.6,
        ge=-10,
        le=1.6,
        description="logarithm of the actor's spread at most; 1.6 is HIL-SERL's. Without a lower "
        "limit it grows where no demonstration was, and a motion that is fast bears no shaking",
    )
    target_entropy: float = Field(
        default=-0.5, ge=-5, le=1, description="of the actor, per action dimension"
    )
    late_learning_rate: float | None = Field(
        default=None,
        gt=0,
        le=0.1,
        description="of Adam, once `late_success` of the last 20 episodes succeed without help; "
        "HIL-SERL's whip goes from 3e-4 to 3e-5; absent = the same to the end",
    )
    late_success: float = Field(
        default=0.7, gt=0, le=1, description="share of successes from which the later rate counts"
    )
    critics: int = Field(default=2, ge=1, le=16, description="networks that judge actions")
    critic_width: int = Field(
        default=256, ge=8, le=2048, description="of a critic's two hidden layers"
    )
    critic_updates_per_actor: int = Field(
        default=2, ge=1, le=32, description="updates of the critics for one of the actor"
    )
    average_rate: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="share of the newest actor in the average that acts; 1 is HIL-SERL",
    )
    value_bounds: Annotated[tuple[float, float], AfterValidator(_in_order)] | None = Field(
        default=None,
        strict=False,
        description="least and most that a step can be worth; absent = as the reward says",
    )
    imitation: float = Field(
        default=0.0,
        ge=0,
        le=10,
        description="weight of imitating the human beside the critics' advice; 0 is HIL-SERL",
    )
    imitation_half_life: int | None = Field(
        default=None,
        ge=1,
        description="updates of the actor, since a step came in, that halve its weight; "
        "absent = never",
    )
    gripper_cost: float = Field(
        default=0.02,
        ge=0,
        lt=1,
        description="of a gripper that begins to open or to close, where a success is worth 1",
    )
    gripper_exploration: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of steps in which grippers are told anything; 0 is HIL-SERL's",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, given: Any) -> Any:
        """Put what a preset says in the place of what is not given."""
        if not isinstance(given, dict) or given.get("preset") != "hil-serl":
            return given
        default = "resnet10" if given.get("weights") else cls.model_fields["encoder"].default
        encoder = given.get("encoder", default)
        return {"encoder": encoder, **hil_serl_settings(encoder), **given}

    @property
    def preset_settings(self) -> Mapping[str, Any]:
        """Return what the preset says, by option; nothing without one."""
        return {} if self.preset is None else hil_serl_settings(self.encoder)


def hil_serl_settings(encoder: Any) -> dict[str, Any]:
    """Return the settings of HIL-SERL's authors, by option.

    Source: arXiv 2410.21845 and its reference implementation.

    Args:
        encoder: whose feature maps are shifted.
    """
    shift = _SHIFT_CELLS.get(encoder) if isinstance(encoder, str) else None
    return {**HIL_SERL} if shift is None else {**HIL_SERL, "shift_cells": shift}


class OfflineOptions(AgentOptions):
    """What every agent needs that learns without a robot; one of its metrics ends with `loss`."""

    needs_robot: ClassVar[bool] = False
    updates: int = Field(default=3000, ge=1, description="how often it learns from a batch")


class BCOptions(OfflineOptions):
    """Settings of behaviour cloning."""

    learns_grippers: ClassVar[bool] = True
    learns_openings: ClassVar[bool] = True

    initial_log_std: float = Field(
        default=-1.5, ge=-10, le=1, description="logarithm of the actor's spread at first"
    )


class CloningOptions(AgentOptions):
    """What agents need that clone the demonstrations before the robot moves."""

    clone_updates: int = Field(
        default=3000,
        ge=1,
        le=1_000_000,
        description="updates that clone the demonstrations before the robot moves; "
        "training.updates_before come after them",
    )

    @property
    def updates_first(self) -> int:
        """Updates before the robot moves that no setting of the task asks for."""
        return self.clone_updates


class HGDaggerOptions(CloningOptions):
    """Settings of HG-DAgger: cloning that goes on with what a human does when taking over."""

    learns_grippers: ClassVar[bool] = True
    learns_openings: ClassVar[bool] = True

    initial_log_std: float = Field(
        default=-1.5, ge=-10, le=1, description="logarithm of the actor's spread at first"
    )


class CloneFirstOptions(RLPDOptions, CloningOptions):
    """Settings of agents that reinforce beside a frozen clone."""


class IBRLOptions(CloneFirstOptions):
    """Settings of imitation bootstrapped RL."""


class ResidualOptions(CloneFirstOptions):
    """Settings of residual RL."""

    reach: float = Field(
        default=0.3,
        gt=0,
        le=2,
        description="how far the correction moves each number of the clone's action, at most",
    )
