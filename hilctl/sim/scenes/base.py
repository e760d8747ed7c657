"""What a scene of the simulator is: objects, what differs each time, what counts as done.

All geometry is primitive, so that software rendering and ray casting stay fast.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import resources
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TCP_IN_HAND_M = 0.1034


class Scene(ABC):
    """One task for the arm.

    Attributes:
        home_tcp: (7,) `T_base_tcp` where the arm stands when a scene is reset.
    """

    home_tcp: Array

    def build(self) -> mujoco.MjModel:
        """Compile the arm and this scene's objects."""
        text = resources.files("hilctl.sim").joinpath("arm.xml").read_text("utf-8")
        spec = mujoco.MjSpec.from_string(text)
        self.add_cameras(spec)
        self.add_objects(spec)
        return spec.compile()

    @abstractmethod
    def add_cameras(self, spec: Any) -> None:
        """Add the cameras that stand around the arm to its specification."""

    @abstractmethod
    def add_objects(self, spec: Any) -> None:
        """Add bodies and geoms to the arm's specification."""

    @abstractmethod
    def randomise(self, model: mujoco.MjModel, rng: np.random.Generator) -> None:
        """Draw what differs from episode to episode; called with the arm at `home_tcp`."""

    @abstractmethod
    def solved(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Return whether the task is truly done."""


def add_box(body: Any, name: str, pos: Any, half: Any, rgba: Any, *, solid: bool = True) -> Any:
    """Add a box geom of half sizes `half` in m; `solid` ones collide."""
    return body.add_geom(
        name=name,
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=pos,
        size=half,
        rgba=rgba,
        contype=int(solid),
        conaffinity=int(solid),
    )
