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
# rigs ask for 0.5 rad of a controller that gives 0.1 without a word
RotationalClip = Annotated[float | None, Field(ge=0, le=1)]
Integral = Annotated[float | None, Field(ge=0, le=100)]

SIDES = ("x", "y", "z", "neg_x", "neg_y", "neg_z")
# what the controller starts with: stiffness, damping, clip
TRANSLATIONAL, ROTATIONAL = (2000.0, 89.0, 0.01), (150.0, 7.0, 0.05)


class Compliance(BaseModel):
    """How softly the arm is held; what is left out stays as the server has it.

    Stiffness is in N/m and N·m/rad, damping in N·s/m and N·m·s/rad. A clip is how far, in m or rad,
    the spring lets itself be stretched along an axis, so that a push is at most stiffness times
    clip; `translational_clip` and `rotational_clip` are all of that kind but those that are named.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    translational_stiffness: Stiffness = None
    translational_damping: Damping = None
    rotational_stiffness: RotationalStiffness = None
    rotational_damping: RotationalDamping = None
    nullspace_stiffness: Nullspace = None
    joint1_nullspace_stiffness: Nullspace = None
    translational_clip: Clip = None
    translational_clip_x: Clip = None
    translational_clip_y: Clip = None
    translational_clip_z: Clip = None
    translational_clip_neg_x: Clip = None
    translational_clip_neg_y: Clip = None
    translational_clip_neg_z: Clip = None
    rotational_clip: RotationalClip = None
    rotational_clip_x: RotationalClip = None
    rotational_clip_y: RotationalClip = None
    rotational_clip_z: RotationalClip = None
    rotational_clip_neg_x: RotationalClip = None
    rotational_clip_neg_y: RotationalClip = None
    rotational_clip_neg_z: RotationalClip = None
    translational_Ki: Integral = None
    rotational_Ki: Integral = None

    def parameters(self) -> dict[str, float]:
        """Return those that are set, by the server's names."""
        told = self.model_dump(exclude_none=True)
        for kind in ("translational_clip", "rotational_clip"):
            for_all = told.pop(kind, None)
            if for_all is not None:
                told = {f"{kind}_{side}": for_all for side in SIDES} | told
        return told

    def pull(self) -> tuple[float, float]:
        """Return how fast the springs can pull an arm at most, in m/s and rad/s.

        A spring that is stretched by all of its clip moves a damped arm that fast.
        """
        told = self.parameters()
        speeds = []
        for kind, usual in (("translational", TRANSLATIONAL), ("rotational", ROTATIONAL)):
            stiffness = told.get(f"{kind}_stiffness", usual[0])
            damping = told.get(f"{kind}_damping", usual[1])
            clip = min(told.get(f"{kind}_clip_{side}", usual[2]) for side in SIDES)
            speeds.append(stiffness * clip / max(damping, 1e-3))
        return speeds[0], speeds[1]
