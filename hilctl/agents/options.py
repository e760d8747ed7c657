"""Settings of the agents; reading a task file needs these, but no JAX."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from hilctl.devices import Options


class AgentOptions(Options):
    """What every agent needs: how pictures become numbers, and how much is learnt at once."""

    needs_robot: ClassVar[bool] = True  # False: learns from demonstrations alone

    encoder: str = "efficientnet-lite0"
    weights: str | None = None  # file with the encoder's weights; None = from the package index
    channels: int = Field(default=8, ge=1, le=512)  # kept of each camera's features
    batch: int = Field(default=256, ge=2, le=4096)
    learning_rate: float = Field(default=3e-4, gt=0, le=0.1)
    shift_cells: float = Field(default=0.0, ge=0, le=1)  # random shift of feature maps


class RLPDOptions(AgentOptions):
    """Settings of soft actor-critic."""

    discount: float = Field(default=0.97, gt=0, lt=1)
    target_rate: float = Field(default=0.005, gt=0, le=1)
    initial_temperature: float = Field(default=0.01, gt=0)
    initial_log_std: float = Field(default=-1.5, ge=-10, le=1)
    target_entropy: float = Field(default=-0.5, ge=-5, le=1)  # per action dimension
    critics: int = Field(default=2, ge=1, le=16)
    critic_width: int = Field(default=256, ge=8, le=2048)  # of both hidden layers
    critic_updates_per_actor: int = Field(default=2, ge=1, le=32)
    # share of the newest actor in the one that acts, an average over updates; 1 is HIL-SERL
    average_rate: float = Field(default=1.0, gt=0, le=1)
    # weight of imitating the human's actions beside the critic's advice; 0 is HIL-SERL
    imitation: float = Field(default=0.0, ge=0, le=10)
    # with so many updates of the actor since a step came in, its weight is halved; None = never
    imitation_half_life: int | None = Field(default=None, ge=1)


class BCOptions(AgentOptions):
    """Settings of behaviour cloning."""

    needs_robot: ClassVar[bool] = False

    updates: int = Field(default=3000, ge=1)
    initial_log_std: float = Field(default=-1.5, ge=-10, le=1)
