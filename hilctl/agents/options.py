"""Settings of the agents; reading a task file needs these, but no JAX."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from hilctl.devices import Options


def _in_order(bounds: tuple[float, float]) -> tuple[float, float]:
    low, high = bounds
    if not low < high:
        raise ValueError(f"the least, {low:g}, is not below the most, {high:g}")
    return bounds


class AgentOptions(Options):
    """What every agent needs: how pictures become numbers, and how much is learnt at once."""

    needs_robot: ClassVar[bool] = True  # False: learns from demonstrations alone
    stages: ClassVar[tuple[str, ...]] = ("demos",)  # of the task, that it learns from
    learns_grippers: ClassVar[bool] = False

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
    batch: int = Field(default=256, ge=2, le=4096, description="transitions in an update")
    learning_rate: float = Field(default=3e-4, gt=0, le=0.1, description="of Adam")
    shift_cells: float = Field(
        default=0.25,
        ge=0,
        le=1,
        description="largest random shift in cells of the feature maps; "
        "0.25 of an 8×8 map is HIL-SERL's 4 px of 128",
    )


class RLPDOptions(AgentOptions):
    """Settings of soft actor-critic; the defaults are HIL-SERL's unless a description differs."""

    discount: float = Field(default=0.97, gt=0, lt=1, description="of the next step's value")
    target_rate: float = Field(
        default=0.005, gt=0, le=1, description="share of the critic in its target, an update"
    )
    initial_temperature: float = Field(
        default=0.01, gt=0, description="weight of the entropy at first; it adapts"
    )
    initial_log_std: float = Field(
        default=-1.5,
        ge=-10,
        le=1,
        description="logarithm of the actor's spread at first; "
        "ours: HIL-SERL starts near 0, pushes across all of the action's range",
    )
    target_entropy: float = Field(
        default=-0.5, ge=-5, le=1, description="of the actor, per action dimension"
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


class BCOptions(AgentOptions):
    """Settings of behaviour cloning."""

    needs_robot: ClassVar[bool] = False
    learns_grippers: ClassVar[bool] = True

    updates: int = Field(default=3000, ge=1, description="how often it learns from a batch")
    initial_log_std: float = Field(
        default=-1.5, ge=-10, le=1, description="logarithm of the actor's spread at first"
    )
