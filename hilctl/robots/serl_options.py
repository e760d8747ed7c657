"""What a task file says of an arm behind a robot server."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from hilctl.devices import Options
from hilctl.robots.serl_client import check_url
from hilctl.robots.serl_compliance import Compliance

WITHOUT_EFFECT = {"precision", "load", "frozen_after_s"}  # on what is recorded


class Load(BaseModel):
    """What hangs on the flange besides the Franka hand."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mass_kg: float = Field(ge=0, le=10)
    centre_m: tuple[float, float, float] = Field(description="in the flange's frame")
    inertia_kg_m2: tuple[float, float, float, float, float, float, float, float, float] = Field(
        description="about the load's centre, column by column"
    )

    def parameters(self) -> dict[str, Any]:
        """Return it by the server's names."""
        return {
            "mass": self.mass_kg,
            "F_x_center_load": list(self.centre_m),
            "load_inertia": list(self.inertia_kg_m2),
        }


class SerlHttpOptions(Options):
    """Where the server is, which gripper it has, how softly the arm is held."""

    url: Annotated[str, AfterValidator(check_url)] = Field(
        description="address of the robot server, http://host:port"
    )
    gripper: Literal["none", "robotiq", "franka"] = Field(
        default="none", description="which gripper the server was started with"
    )
    open_share: float = Field(
        default=1.0, gt=0, le=1, description="how far open is open, of all the way"
    )
    compliance: Compliance = Field(
        default=Compliance(), description="of the arm at work; absent = as the server has it"
    )
    precision: Compliance = Field(
        default=Compliance(), description="of the arm on its way to a start; absent = as at work"
    )

    frozen_after_s: float | None = Field(
        default=1.0,
        gt=0,
        le=3600,
        description="seconds of a state that stays the same to the last bit, after which the "
        "server counts as frozen; null = never",
    )
    load: Load | None = Field(
        default=None, description="what hangs on the flange; told by hilctl robot set-load"
    )

    def identity(self) -> dict[str, Any]:
        """Return what of it recorded data depend on: how the arm is held at work."""
        known = super().identity()
        return {key: known[key] for key in known if key not in WITHOUT_EFFECT}

    @property
    def on_its_way(self) -> Compliance:
        """How the arm is held on its way to a start."""
        return Compliance(**{**self.compliance.parameters(), **self.precision.parameters()})

    @model_validator(mode="after")
    def _can_go_back(self) -> SerlHttpOptions:
        lacking = {*self.precision.parameters()} - {*self.compliance.parameters()}
        if lacking:
            names = ", ".join(sorted(lacking))
            raise ValueError(f"precision sets {names}: say in compliance what it is at work")
        return self
