"""A plug that has to be picked up and put into a socket."""

from __future__ import annotations

from typing import Any, ClassVar

import mujoco
import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.sim.scenes.base import CLOSED_M, Scene, add_box

Array = NDArray[np.float64]

ORANGE, YELLOW = [0.9, 0.45, 0.1, 1], [0.95, 0.8, 0.2, 1]
BLUE, LIGHT_BLUE = [0.12, 0.3, 0.62, 1], [0.16, 0.38, 0.72, 1]


class PickInsertScene(Scene):
    """Grasp a plug by its handle, press its pin into a socket, let go and leave.

    The plug stands on the table, a little elsewhere each time, and falls over for good when it is
    knocked. Whoever holds it by the pin gets as far as the fingers allow: a spring in the socket
    keeps it there, so it has to be let go of and held by the handle to go in.
    """

    HANDLE_HALF_M = (0.009, 0.009, 0.0125)
    PIN_HALF_M = (0.007, 0.007, 0.0125)
    STANDS_M = 0.025  # of the plug's middle, where the handle begins, over what it stands on
    START_XY_M = (0.45, 0.0)
    SPREAD_M = 0.015  # half width of where it stands, in x and in y
    TURN_RAD = 0.15
    SOCKET_XY_M = (0.55, 0.0)
    SOCKET_HALF_M = 0.028
    SOCKET_TOP_M = 0.035
    CLEARANCE_M = 0.001  # of the pin on each side
    DEPTH_M = 0.026  # of the hole: the handle stops the plug
    SOLVED_DEPTH_M = 0.020
    SPRING_DEPTH_M, SPRING_REACH_M, SPRING_RADIUS_M = 0.009, 0.0025, 0.006
    FINGER_TIP_M = 0.0046  # below the tcp
    LET_GO_M = 0.006  # of each finger from the handle
    LEFT_M = 0.03  # of the tcp over the plug's middle, when the hand has left

    HELD_XY_M, HELD_Z_M = 0.015, 0.03  # of the tcp from the middle of a plug that is held

    gripper: ClassVar[bool] = True
    stages: ClassVar[tuple[str, ...]] = ("grasped", "inserted")
    home_tcp = geometry.pose([0.5, 0.0, 0.16], geometry.quat_from_rpy([np.pi, 0.0, 0.0]))

    def add_cameras(self, spec: Any) -> None:
        """Add the side camera."""
        spec.worldbody.add_camera(
            name="side", pos=[0.505, -0.33, 0.14], xyaxes=[1, 0, 0, 0, 0.24, 0.971], fovy=28
        )

    def add_objects(self, spec: Any) -> None:
        """Add plug and socket."""
        x, y = self.START_XY_M
        plug = spec.worldbody.add_body(name="plug", pos=[x, y, self.STANDS_M])
        plug.add_freejoint(name="plug")
        up = self.HANDLE_HALF_M[2]
        handle = add_box(plug, "handle", [0, 0, up], self.HANDLE_HALF_M, ORANGE)
        handle.mass, handle.friction = 0.02, [1.0, 0.02, 0.0001]
        add_box(plug, "pin", [0, 0, -self.PIN_HALF_M[2]], self.PIN_HALF_M, YELLOW).mass = 0.03
        socket = spec.worldbody.add_body(name="socket", pos=[*self.SOCKET_XY_M, 0])
        self._add_hole(socket)
        self._add_spring(socket)
        spec.add_exclude(name="spring", bodyname1="socket", bodyname2="spring")

    def _add_hole(self, socket: Any) -> None:
        inner, outer = self.PIN_HALF_M[0] + self.CLEARANCE_M, self.SOCKET_HALF_M
        bottom, top = self.SOCKET_TOP_M - self.DEPTH_M, self.SOCKET_TOP_M
        base = [outer, outer, bottom / 2]
        add_box(socket, "socket_base", [0, 0, bottom / 2], base, [0.2] * 3 + [1])
        middle, half, z = (outer + inner) / 2, (outer - inner) / 2, (top + bottom) / 2
        height = (top - bottom) / 2
        for side, sign in (("front", 1), ("back", -1)):
            add_box(socket, f"wall_{side}", [sign * middle, 0, z], [half, outer, height], BLUE)
        for side, sign in (("left", 1), ("right", -1)):
            place = [0, sign * middle, z]
            add_box(socket, f"wall_{side}", place, [inner, half, height], LIGHT_BLUE)

    def _add_spring(self, socket: Any) -> None:
        """Add a roller that a spring presses against the pin, so that it stays where it is."""
        inner, radius = self.PIN_HALF_M[0] + self.CLEARANCE_M, self.SPRING_RADIUS_M
        place = [self.SPRING_REACH_M - inner - radius, 0, self.SOCKET_TOP_M - self.SPRING_DEPTH_M]
        spring = socket.add_body(name="spring", pos=place)
        spring.add_geom(
            name="spring",
            type=mujoco.mjtGeom.mjGEOM_CAPSULE,
            fromto=[0, -0.5 * inner, 0, 0, 0.5 * inner, 0],
            size=[radius, 0, 0],
            rgba=BLUE,
            mass=0.01,
            friction=[0.2, 0.001, 0.0001],
            priority=1,
        )
        spring.add_joint(
            name="spring",
            type=mujoco.mjtJoint.mjJNT_SLIDE,
            axis=[-1, 0, 0],
            range=[0, 2 * self.SPRING_REACH_M],
            limited=True,
            stiffness=[300.0, 0, 0],
            springref=-0.007,
            damping=[3.0, 0, 0],
            armature=0.02,
        )

    def randomise(
        self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator
    ) -> None:
        """Draw where the plug stands."""
        shift = rng.uniform(-self.SPREAD_M, self.SPREAD_M, 2)
        turn = geometry.quat_from_rotvec([0, 0, rng.uniform(-self.TURN_RAD, self.TURN_RAD)])
        plug = data.joint("plug")
        plug.qpos[:3] = [*(np.array(self.START_XY_M) + shift), self.STANDS_M]
        plug.qpos[3:] = turn[[3, 0, 1, 2]]

    def plug(self, data: mujoco.MjData) -> Array:
        """Return the (7,) pose of the plug's middle, where the handle begins."""
        body = data.body("plug")
        return geometry.pose(body.xpos, body.xquat[[1, 2, 3, 0]])

    def tilt_rad(self, data: mujoco.MjData) -> float:
        """Return how far the plug leans."""
        return float(np.arccos(np.clip(data.body("plug").xmat[8], -1.0, 1.0)))

    def depth_m(self, data: mujoco.MjData) -> float:
        """Return how deep the pin is in the hole; 0 when it is not in it."""
        plug = self.plug(data)[:3]
        aside_m = np.max(np.abs(plug[:2] - self.SOCKET_XY_M))
        inside = aside_m < 2 * self.CLEARANCE_M + 0.001 and self.tilt_rad(data) < 0.3
        return max(0.0, self.SOCKET_TOP_M + self.STANDS_M - float(plug[2])) if inside else 0.0

    def opening_m(self, data: mujoco.MjData) -> float:
        """Return the distance between the fingers."""
        return float(data.joint("finger_left").qpos[0] + data.joint("finger_right").qpos[0])

    def has_let_go(self, data: mujoco.MjData) -> bool:
        """Return whether the fingers are open around the handle."""
        return self.opening_m(data) >= 2 * (self.HANDLE_HALF_M[1] + self.LET_GO_M)

    def away_m(self, data: mujoco.MjData) -> float:
        """Return how far the tcp is above the plug's middle."""
        return float(data.site("tcp").xpos[2] - data.body("plug").xpos[2])

    def holds(self, data: mujoco.MjData) -> bool:
        """Return whether the fingers are closed on the plug, by its handle or its pin."""
        away = np.abs(data.site("tcp").xpos - self.plug(data)[:3])
        near = np.linalg.norm(away[:2]) < self.HELD_XY_M and away[2] < self.HELD_Z_M
        return bool(near and self.opening_m(data) < 2 * self.HANDLE_HALF_M[1] + CLOSED_M)

    def reached(self, model: mujoco.MjModel, data: mujoco.MjData) -> int:
        """Return 2 when the plug is inserted, 1 when it is held, or in and not quite left."""
        if self.solved(model, data):
            return 2
        return int(self.holds(data) or self.depth_m(data) >= self.SOLVED_DEPTH_M)

    def solved(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Return whether the pin is in by `SOLVED_DEPTH_M` and the open hand has left it.

        No camera sees whether fingers are open that are still around the handle.
        """
        has_left = self.has_let_go(data) and self.away_m(data) >= self.LEFT_M
        return has_left and self.depth_m(data) >= self.SOLVED_DEPTH_M
