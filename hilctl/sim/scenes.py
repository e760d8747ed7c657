"""The simulator's scenes: what stands on the table, what is in the hand, what counts as done.

All geometry is primitive, so that software rendering and ray casting stay fast.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import resources
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from hilctl import geometry

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
        text = resources.files("hilctl.sim").joinpath("arm.xml").read_text()
        spec = mujoco.MjSpec.from_string(text)
        self.add_objects(spec)
        return spec.compile()

    @abstractmethod
    def add_objects(self, spec: Any) -> None:
        """Add bodies, geoms and cameras to the arm's specification."""

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


class InsertScene(Scene):
    """A square peg, grasped a little differently each time, into a socket on the table.

    The peg is 20 mm wide, the hole 21 mm and 25 mm deep: half a millimetre a side, which at full
    depth leaves little more than 2° of tilt before the peg jams.
    """

    PEG_HALF_M = 0.010
    PEG_TIP_M = 0.055  # tip below the tcp in a centred grasp
    CLEARANCE_M = 0.0005
    HOLE_DEPTH_M = 0.025
    SOCKET_TOP_M = 0.040
    SOLVED_DEPTH_M = 0.020
    SOCKET_XY_M = (0.5, 0.0)
    GRASP_SHIFT_M = (0.002, 0.0005, 0.002)  # along the fingers' faces, across them, along the peg
    GRASP_TURN_RAD = (np.deg2rad(1.0), np.deg2rad(2.5), np.deg2rad(1.0))

    home_tcp = geometry.pose([0.5, 0.0, 0.16], geometry.quat_from_rpy([np.pi, 0.0, 0.0]))

    def add_objects(self, spec: Any) -> None:
        """Add peg, socket and side camera."""
        peg = spec.body("hand").add_body(name="peg", pos=[0, 0, TCP_IN_HAND_M])
        half_length = 0.035
        add_box(
            peg,
            "peg",
            [0, 0, self.PEG_TIP_M - half_length],
            [self.PEG_HALF_M, self.PEG_HALF_M, half_length],
            [0.9, 0.45, 0.1, 1],
        ).mass = 0.08
        peg.add_site(name="peg_tip", pos=[0, 0, self.PEG_TIP_M], size=[0.001] * 3, rgba=[0] * 4)
        spec.add_exclude(name="grasp", bodyname1="hand", bodyname2="peg")
        self._add_socket(spec.worldbody)
        spec.worldbody.add_camera(
            name="side",
            pos=[0.5 + 0.02, -0.25, 0.16],
            xyaxes=[1, 0, 0, 0, 0.37, 0.929],
            fovy=25,
        )

    def _add_socket(self, world: Any) -> None:
        x, y = self.SOCKET_XY_M
        socket = world.add_body(name="socket", pos=[x, y, 0])
        outer, hole = 0.03, self.PEG_HALF_M + self.CLEARANCE_M
        bottom = self.SOCKET_TOP_M - self.HOLE_DEPTH_M
        wall, mid, half_h = (outer - hole) / 2, (outer + hole) / 2, self.HOLE_DEPTH_M / 2
        z = bottom + half_h
        blue, dark = [0.12, 0.3, 0.62, 1], [0.16, 0.38, 0.72, 1]
        add_box(
            socket, "socket_base", [0, 0, bottom / 2], [0.045, 0.045, bottom / 2], [0.2] * 3 + [1]
        )
        add_box(socket, "wall_front", [mid, 0, z], [wall, outer, half_h], blue)
        add_box(socket, "wall_back", [-mid, 0, z], [wall, outer, half_h], blue)
        add_box(socket, "wall_left", [0, mid, z], [hole, wall, half_h], dark)
        add_box(socket, "wall_right", [0, -mid, z], [hole, wall, half_h], dark)

    def randomise(self, model: mujoco.MjModel, rng: np.random.Generator) -> None:
        """Draw a new grasp of the peg."""
        body = model.body("peg").id
        shift = rng.uniform(-1, 1, 3) * self.GRASP_SHIFT_M
        turn = geometry.quat_from_rotvec(rng.uniform(-1, 1, 3) * self.GRASP_TURN_RAD)
        model.body_pos[body] = [shift[0], shift[1], TCP_IN_HAND_M + shift[2]]
        model.body_quat[body] = turn[[3, 0, 1, 2]]

    def depth_m(self, data: mujoco.MjData) -> float:
        """Return how far the peg's tip is below the socket's top; 0 when it is not in the hole."""
        tip = data.site("peg_tip").xpos
        aside = np.max(np.abs(tip[:2] - self.SOCKET_XY_M))
        return float(self.SOCKET_TOP_M - tip[2]) if aside < 2 * self.CLEARANCE_M + 0.002 else 0.0

    def solved(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Return whether the peg is in the hole by at least `SOLVED_DEPTH_M`."""
        return self.depth_m(data) >= self.SOLVED_DEPTH_M


class ReachScene(Scene):
    """Bring the tool's tip to a ball that hovers over the table: no contact, no trap."""

    TARGET_M = (0.5, 0.0, 0.07)
    TOLERANCE_M = 0.010
    TIP_M = 0.03  # tip below the tcp

    home_tcp = geometry.pose([0.5, 0.0, 0.16], geometry.quat_from_rpy([np.pi, 0.0, 0.0]))

    def add_objects(self, spec: Any) -> None:
        """Add pointer, target ball and side camera."""
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
        spec.worldbody.add_camera(
            name="side", pos=[0.53, -0.26, 0.19], xyaxes=[1, 0, 0, 0, 0.42, 0.907], fovy=36
        )

    def randomise(self, model: mujoco.MjModel, rng: np.random.Generator) -> None:
        """Leave everything where it is: only the start of the arm differs."""

    def solved(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Return whether the tip touches the ball's centre within `TOLERANCE_M`."""
        distance = np.linalg.norm(data.site("tip").xpos - self.TARGET_M)
        return bool(distance <= self.TOLERANCE_M)


SCENES: dict[str, type[Scene]] = {"insert": InsertScene, "reach": ReachScene}
