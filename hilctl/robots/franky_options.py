"""What is said of a Franka without ROS in a task file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hilctl.devices import Address, Options
from hilctl.robots.franky_spring import Spring


class Stiffness(Options):
    """How hard the tool is pulled to where it shall be."""

    translational_n_m: float = Field(
        default=2000.0, ge=10, le=3000, description="along each axis, N/m, 10 to 3000"
    )
    rotational_nm_rad: float = Field(
        default=150.0, ge=1, le=300, description="about each axis, N·m/rad, 1 to 300"
    )


class FrankyOptions(Options):
    """Where the arm's control is, how softly the arm is held, which hand it has."""

    host: str = Field(min_length=1, description="address of the control, such as 172.16.0.2")
    # of the computer, not of the task
    realtime: Annotated[Literal["enforce", "ignore"], Address()] = Field(
        default="enforce",
        description="whether a real-time kernel is asked for: enforce, or ignore (simulators)",
    )
    gripper: Literal["hand", "none"] = Field(
        default="hand", description="the Franka hand, or none that moves"
    )
    stiffness: Stiffness = Field(default=Stiffness(), description="of the arm at work")
    reset_stiffness: Stiffness | None = Field(
        default=None, description="of the arm on its way to a start; absent = as at work"
    )
    clip_m: float = Field(
        default=0.01,
        gt=0,
        le=0.1,
        description="m of stretch beyond which the tool is pulled no harder: with the stiffness "
        "it bounds force and speed",
    )
    clip_rad: float = Field(default=0.05, gt=0, le=0.5, description="the same in rad")
    nullspace_nm_rad: float = Field(
        default=10.0, ge=0, le=100, description="stiffness that keeps the elbow, N·m/rad"
    )
    collision_n: float = Field(
        default=60.0, gt=0, le=200, description="force at which the arm stops itself, N"
    )
    collision_nm: float = Field(
        default=40.0, gt=0, le=87, description="joint torque at which the arm stops itself, N·m"
    )
    resistance_n: float = Field(
        default=20.0, gt=0, le=100, description="force that ends a way to a start, N"
    )
    grip_n: float = Field(default=40.0, gt=0, le=70, description="force of the fingers, N")
    grip_m_s: float = Field(default=0.1, gt=0, le=0.1, description="speed of the fingers, m/s")

    @property
    def spring(self) -> Spring:
        """That pulls the tool at work."""
        hard = self.stiffness
        return Spring(hard.translational_n_m, hard.rotational_nm_rad, self.clip_m, self.clip_rad)
