"""A peg that has to go into a socket."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.sim.scenes.base import TCP_IN_HAND_M, Scene, add_box

Array = NDArray[np.float64]


SOCKET_HALF_M = 0.03
SIDES = {"front": (0, 1), "back": (0, -1), "left": (1, 1), "right": (1, -1)}  # axis, direction
WALL_COLOURS = ([0.12, 0.3, 0.62, 1], [0.16, 0.38, 0.72, 1])  # of walls in x and in y


class InsertScene(Scene):
    """A square peg, grasped a little differently each time, into a socket on the table.

    The peg is 20 mm wide, the hole 21 mm and 25 mm deep: half a millimetre a side, which at full
    depth leaves little more than 2° of tilt before the peg jams. A slope around the hole, as real
    sockets have one, leads in a peg that comes down beside it by less than its width.
    """

    PEG_HALF_M = 0.010
    PEG_TIP_M = 0.055  # tip below the tcp in a centred grasp
    CLEARANCE_M = 0.0005
    LEAD_IN_M = 0.00075  # width and depth of the slope around the hole
    HOLE_DEPTH_M = 0.025
    SOCKET_TOP_M = 0.040
    SOLVED_DEPTH_M = 0.020
    SOCKET_XY_M = (0.5, 0.0)
    GRASP_SHIFT_M = (0.002, 0.0005, 0.002)  # along the fingers' faces, across them, along the peg
    GRASP_TURN_RAD = (np.deg2rad(1.0), np.deg2rad(2.0), np.deg2rad(1.0))

    home_tcp = geometry.pose([0.5, 0.0, 0.16], geometry.quat_from_rpy([np.pi, 0.0, 0.0]))

    def add_cameras(self, spec: Any) -> None:
        """Add the side camera."""
        spec.worldbody.add_camera(
            name="side",
            pos=[0.5 + 0.02, -0.25, 0.16],
            xyaxes=[1, 0, 0, 0, 0.37, 0.929],
            fovy=25,
        )

    def add_objects(self, spec: Any) -> None:
        """Add peg and socket."""
        peg = self._add_peg(spec)
        half_length = 0.035
        add_box(
            peg,
            "peg",
            [0, 0, self.PEG_TIP_M - half_length],
            [self.PEG_HALF_M, self.PEG_HALF_M, half_length],
            [0.9, 0.45, 0.1, 1],
        ).mass = 0.08
        peg.add_site(name="peg_tip", pos=[0, 0, self.PEG_TIP_M], size=[0.001] * 3, rgba=[0] * 4)
        self._add_socket(spec.worldbody)

    def _add_peg(self, spec: Any) -> Any:
        """Add the peg's body, without geoms yet, as a part of the hand; return it."""
        peg = spec.body("hand").add_body(name="peg", pos=[0, 0, TCP_IN_HAND_M])
        spec.add_exclude(name="grasp", bodyname1="hand", bodyname2="peg")
        return peg

    def _add_socket(self, world: Any) -> None:
        x, y = self.SOCKET_XY_M
        socket = world.add_body(name="socket", pos=[x, y, 0])
        bottom_m = self.SOCKET_TOP_M - self.HOLE_DEPTH_M
        plate = [0.045, 0.045, bottom_m / 2]
        add_box(socket, "socket_base", [0, 0, bottom_m / 2], plate, [0.2] * 3 + [1])
        for side, (axis, sign) in SIDES.items():
            self._add_wall(socket, side, axis, sign)

    def _add_wall(self, socket: Any, side: str, axis: int, sign: int) -> None:
        """Add one wall: upright below, set back by the lead-in above, a slope in between."""
        hole, lead = self.PEG_HALF_M + self.CLEARANCE_M, self.LEAD_IN_M
        top, bottom = self.SOCKET_TOP_M, self.SOCKET_TOP_M - self.HOLE_DEPTH_M
        colour = WALL_COLOURS[axis]

        def oriented(outward: float, along: float, z: float) -> Array:
            return np.array([outward, along, z] if axis == 0 else [along, outward, z])

        def slab(name: str, inner: float, low: float, high: float) -> None:
            # walls in x reach round the corners, those in y stand between them
            along = SOCKET_HALF_M if axis == 0 else inner
            position = oriented(sign * (SOCKET_HALF_M + inner) / 2, 0, (low + high) / 2)
            half = oriented((SOCKET_HALF_M - inner) / 2, along, (high - low) / 2)
            add_box(socket, name, position, half, colour)

        slab(f"wall_{side}", hole, bottom, top - lead)
        slab(f"rim_{side}", hole + lead, top - lead, top)
        # a plate at 45 degrees: one face is the slope, the rest lies within the wall
        width = lead / np.sqrt(2)
        face = oriented(sign * (hole + lead / 2), 0, top - lead / 2)
        normal = oriented(-sign, 0, 1) / np.sqrt(2)
        half = oriented(width, hole + lead, width / 2)
        slope = add_box(socket, f"lead_{side}", face - normal * width / 2, half, colour)
        turn = geometry.quat_from_rotvec(np.cross([0, 0, 1], normal) * np.sqrt(2) * np.pi / 4)
        slope.quat = turn[[3, 0, 1, 2]]

    def randomise(
        self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator
    ) -> None:
        """Draw a new grasp of the peg."""
        shift = rng.uniform(-1, 1, 3) * self.GRASP_SHIFT_M
        self._grasp(model, shift, rng.uniform(-1, 1, 3) * self.GRASP_TURN_RAD)

    def _grasp(self, model: mujoco.MjModel, shift: Array, turn_rad: Array) -> None:
        """Hold the peg (3,) m and a (3,) rotation vector away from a centred grasp."""
        body = model.body("peg").id
        turn = geometry.quat_from_rotvec(turn_rad)
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
