"""A ball that has to be reached."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.sim.scenes.base import TCP_IN_HAND_M, Scene

Array = NDArray[np.float64]


class ReachScene(Scene):
    """Bring the tool's tip to a ball that hovers over the table: no contact, no trap."""

    TARGET_M = (0.5, 0.0, 0.07)
    TOLERANCE_M = 0.010
    TIP_M = 0.03  # tip below the tcp

    home_tcp = geometry.pose([0.5, 0.0, 0.16], geometry.quat_from_rpy([np.pi, 0.0, 0.0]))

    def add_cameras(self, spec: Any) -> None:
        """Add the side camera."""
        spec.worldbody.add_camera(
            name="side", pos=[0.53, -0.26, 0.19], xyaxes=[1, 0, 0, 0, 0.42, 0.907], fovy=36
        )

    def add_objects(self, spec: Any) -> None:
        """Add pointer and target ball."""
        pointer = spec.body("hand").add_body(name="pointer", pos=[0, 0, TCP_IN_HAND_M])
        pointer.add_geom(
            name="pointer",
            type=mujoco.mjtGeom.mjGEOM_CAPSULE,
            fromto=[0, 0, -0.015, 0, 0, self.TIP_M - 0.004],
            size=[0.004, 0, 0],
            rgba=[0.9, 0.45, 0.1, 1],
            mass=0.03,
            contype=0,
            conaffinity=0,
        )
        pointer.add_site(name="tip", pos=[0, 0, self.TIP_M], size=[0.001] * 3, rgba=[0] * 4)
        target = spec.worldbody.add_body(name="target", pos=list(self.TARGET_M))
        target.add_geom(
            name="target",
            type=mujoco.mjtGeom.mjGEOM_SPHERE,
            size=[0.008, 0, 0],
            rgba=[0.1, 0.7, 0.25, 1],
            contype=0,
            conaffinity=0,
        )

    def randomise(
        self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator
    ) -> None:
        """Leave everything where it is: only the start of the arm differs."""

    def solved(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Return whether the tip touches the ball's centre within `TOLERANCE_M`."""
        distance = np.linalg.norm(data.site("tip").xpos - self.TARGET_M)
        return bool(distance <= self.TOLERANCE_M)
