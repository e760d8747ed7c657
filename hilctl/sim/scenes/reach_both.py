"""Two balls that two arms have to reach at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import mujoco
import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.sim.scenes.base import TCP_IN_HAND_M, Scene, add_box

Array = NDArray[np.float64]


class ReachBothScene(Scene):
    """Two arms side by side, each with a ball of its own; it counts when both are there."""

    arms: ClassVar[Mapping[str, tuple[float, float, float]]] = {
        "left": (0.0, 0.2, 0.0),
        "right": (0.0, -0.2, 0.0),
    }
    TARGET_M = (0.5, 0.0, 0.07)  # from the base of the arm
    TOLERANCE_M = 0.012
    TIP_M = 0.03  # tip below the tcp
    COLOURS: ClassVar[Mapping[str, list[float]]] = {
        "left": [0.1, 0.7, 0.25, 1],
        "right": [0.16, 0.38, 0.9, 1],
    }

    home_tcp = geometry.pose([0.5, 0.0, 0.16], geometry.quat_from_rpy([np.pi, 0.0, 0.0]))

    def add_cameras(self, spec: Any) -> None:
        """Add the front camera, which sees both arms at work."""
        spec.worldbody.add_camera(
            name="front", pos=[1.05, 0.0, 0.3], xyaxes=[0, 1, 0, -0.4, 0, 0.917], fovy=48
        )

    def add_objects(self, spec: Any) -> None:
        """Add pointers and balls, and more table."""
        add_box(spec.worldbody, "side_table", [0.45, 0, -0.021], [0.55, 0.8, 0.02], [0.4] * 3 + [1])
        for name, base in self.arms.items():
            pointer = spec.body(f"{name}/hand").add_body(
                name=f"{name}/pointer", pos=[0, 0, TCP_IN_HAND_M]
            )
            pointer.add_geom(
                name=f"{name}/pointer",
                type=mujoco.mjtGeom.mjGEOM_CAPSULE,
                fromto=[0, 0, -0.015, 0, 0, self.TIP_M - 0.004],
                size=[0.004, 0, 0],
                rgba=[0.9, 0.45, 0.1, 1],
                mass=0.03,
                contype=0,
                conaffinity=0,
            )
            pointer.add_site(name=f"{name}/tip", pos=[0, 0, self.TIP_M], size=[0.001] * 3)
            target = spec.worldbody.add_body(
                name=f"{name}/target", pos=list(np.add(base, self.TARGET_M))
            )
            target.add_geom(
                name=f"{name}/target",
                type=mujoco.mjtGeom.mjGEOM_SPHERE,
                size=[0.01, 0, 0],
                rgba=self.COLOURS[name],
                contype=0,
                conaffinity=0,
            )

    def randomise(
        self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator
    ) -> None:
        """Leave everything where it is: only the starts of the arms differ."""

    def away_m(self, data: mujoco.MjData, arm: str) -> float:
        """Return the distance from an arm's tip to its ball."""
        ball = np.add(self.arms[arm], self.TARGET_M)
        return float(np.linalg.norm(data.site(f"{arm}/tip").xpos - ball))

    def solved(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Return whether both tips touch their balls' centres within `TOLERANCE_M`."""
        return all(self.away_m(data, arm) <= self.TOLERANCE_M for arm in self.arms)
