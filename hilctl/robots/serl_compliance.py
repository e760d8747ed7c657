"""The compliance of a robot server's impedance controller, by the names that its rigs use."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Stiffness = Annotated[float | None, Field(ge=0, le=6000)]
Damping = Annotated[float | None, Field(ge=0, le=400)]
RotationalStiffness = Annotated[float | None, Field(ge=0, le=300)]
RotationalDamping = Annotated[float | None, Field(ge=0, le=30)]
Nullspace = Annotated[float | None, Field(ge=0, le=100)]
Clip = Annotated[float | None, Field(ge=0, le=0.1)]
Integral = Annotated[float | None, Field(ge=0, le=100)]


class Compliance(BaseModel):
    """How softly the arm is held; what is left out stays as the server has it.

    Stiffness is in N/m and N·m/rad, damping in N·s/m and N·m·s/rad. The clips are how far, in m and
    rad, the spring lets itself be stretched along an axis, so that a push is at most stiffness
    times clip.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    translational_stiffness: Stiffness = None
    translational_damping: Damping = None
    rotational_stiffness: RotationalStiffness = None
    rotational_damping: RotationalDamping = None
    nullspace_stiffness: Nullspace = None
    joint1_nullspace_stiffness: Nullspace = None
    translational_clip_x: Clip = None
    translational_clip_y: Clip = None
    translational_clip_z: Clip = None
    translational_clip_neg_x: Clip = None
    translational_clip_neg_y: Clip = None
    translational_clip_neg_z: Clip = None
    rotational_clip_x: Clip = None
    rotational_clip_y: Clip = None
    rotational_clip_z: Clip = None
    rotational_clip_neg_x: Clip = None
    rotational_clip_neg_y: Clip = None
    rotational_clip_neg_z: Clip = None
    translational_Ki: Integral = None
    rotational_Ki: Integral = None

    def parameters(self) -> dict[str, float]:
        """Return those that are set, by name."""
        return self.model_dump(exclude_none=True)
