"""A pan with a tile in it that has to be turned over by a swing."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.sim.scenes.base import TCP_IN_HAND_M, Scene, add_box

Array = NDArray[np.float64]

STEEL, RED, BLUE = [0.32, 0.33, 0.36, 1], [0.85, 0.2, 0.12, 1], [0.15, 0.35, 0.85, 1]


class FlipScene(Scene):
    """Turn a tile over in a pan that the arm holds by its handle.

    The pan reaches out ahead of the fingers. Its front wall is a slope, up which the tile slides
    when the pan is jerked back, and which turns it over as it leaves. It counts when it lies at
    rest in the pan with its other side up.
    """

    PAN_M = 0.19  # its middle, ahead of the tcp
    HALF_M = (0.075, 0.065)  # of its bottom
    THICK_M, WALL_M = 0.003, 0.03
    SLOPE_RAD, SLOPE_M = 0.9, 0.06  # of the front wall, and how long it is
    TILE_HALF_M = (0.045, 0.045, 0.006)
    START_XY_M = (0.02, 0.0)  # of the tile, from the pan's middle
    SPREAD_M, TURN_RAD = 0.008, 0.15
    STILL_M_S = 0.1  # of the tile in the pan
    CALM_M_S = 0.3  # of the pan; one that is shaken would have luck now and then
    LOST_M = 0.05  # so far below the pan's bottom

    home_tcp = geometry.pose([0.4, 0.0, 0.35], geometry.quat_from_rpy([np.pi, 0.0, 0.0]))

    def add_cameras(self, spec: Any) -> None:
        """Add the side camera, and let the wrist camera look at the pan."""
        spec.worldbody.add_camera(
            name="side", pos=[0.56, -0.5, 0.72], xyaxes=[1, 0, 0, 0, 0.5, 0.866], fovy=58
        )
        wrist = spec.camera("wrist")
        wrist.pos = [0.05, 0.0, -0.06]
        wrist.alt.xyaxes = [0, 1, 0, 0.79, 0, -0.61]
        wrist.fovy = 62

    def add_objects(self, spec: Any) -> None:
        """Add the pan to the hand, and the tile."""
        # the hand's z points down when the pan is level
        pan = spec.body("hand").add_body(
            name="pan", pos=[self.PAN_M, 0, TCP_IN_HAND_M], quat=[0, 1, 0, 0]
        )
        x, y = self.HALF_M
        thick, wall = self.THICK_M, self.WALL_M
        parts = {
            "bottom": ([0, 0, -thick], [x, y, thick]),
            "back": ([-x - thick, 0, wall / 2], [thick, y, wall / 2]),
            "left": ([0, y + thick, wall / 2], [x, thick, wall / 2]),
            "right": ([0, -y - thick, wall / 2], [x, thick, wall / 2]),
        }
        for name, (place, half) in parts.items():
            add_box(pan, name, place, half, STEEL)
        along = self.SLOPE_M / 2
        rise = np.array([np.cos(self.SLOPE_RAD), 0, np.sin(self.SLOPE_RAD)])
        slope = add_box(pan, "slope", [x, 0, 0] + along * rise, [along, y, thick], STEEL)
        slope.quat = geometry.quat_from_rotvec([0, -self.SLOPE_RAD, 0])[[3, 0, 1, 2]]
        handle = [-(self.PAN_M + x) / 2, 0, 0]
        add_box(pan, "handle", handle, [(self.PAN_M - x) / 2, 0.009, 0.006], STEEL, solid=False)
        for geom in pan.geoms:
            geom.mass, geom.friction = 0.05, [0.25, 0.005, 0.0001]
        pan.add_site(name="pan", size=[0.002] * 3, rgba=[0, 0, 0, 0])
        self._add_tile(spec.worldbody)

    def _add_tile(self, table: Any) -> None:
        tile = table.add_body(name="tile")
        tile.add_freejoint(name="tile")
        x, y, z = self.TILE_HALF_M
        body = add_box(tile, "tile", [0, 0, 0], self.TILE_HALF_M, [0, 0, 0, 0])
        body.mass, body.friction = 0.04, [0.25, 0.005, 0.0001]
        for name, side, rgba in (("upper", 0.5, RED), ("lower", -0.5, BLUE)):
            face = add_box(tile, name, [0, 0, side * z], [x, y, z / 2], rgba, solid=False)
            face.mass = 0.0

    def randomise(
        self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator
    ) -> None:
        """Draw where in the pan the tile lies."""
        shift = rng.uniform(-self.SPREAD_M, self.SPREAD_M, 2)
        turn = geometry.quat_from_rotvec([0, 0, rng.uniform(-self.TURN_RAD, self.TURN_RAD)])
        x, y, z = self.home_tcp[:3]
        ahead, aside = np.array(self.START_XY_M) + shift
        tile = data.joint("tile")
        tile.qpos[:3] = [x + self.PAN_M + ahead, y + aside, z + self.TILE_HALF_M[2] + 0.0005]
        tile.qpos[3:] = turn[[3, 0, 1, 2]]

    def tile_in_pan(self, data: mujoco.MjData) -> Array:
        """Return the (3,) middle of the tile in the pan's frame, m."""
        pan, tile = data.site("pan"), data.body("tile")
        return np.asarray(pan.xmat.reshape(3, 3).T @ (tile.xpos - pan.xpos))

    def up(self, data: mujoco.MjData) -> float:
        """Return the cosine between the tile's first upper side and the pan's: -1 turned over."""
        pan, tile = data.site("pan"), data.body("tile")
        return float(pan.xmat.reshape(3, 3)[:, 2] @ tile.xmat.reshape(3, 3)[:, 2])

    def lies_in_pan(self, data: mujoco.MjData) -> bool:
        """Return whether the tile lies flat on the pan's bottom."""
        place = self.tile_in_pan(data)
        inside = (np.abs(place[:2]) < self.HALF_M).all() and abs(place[2]) < 0.012
        return bool(inside and abs(self.up(data)) > 0.97)

    def is_lost(self, data: mujoco.MjData) -> bool:
        """Return whether the tile has fallen out of the pan."""
        return bool(self.tile_in_pan(data)[2] < -self.LOST_M)

    def rests(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Return whether the tile moves with the pan, and that hardly."""
        pan, tile = model.body("pan").id, model.body("tile").id
        pan_rad_s, pan_m_s = _velocity(model, data, pan)
        tile_m_s = _velocity(model, data, tile)[1]
        arm_m = data.xpos[tile] - data.xpos[pan]
        below_m_s = pan_m_s + np.cross(pan_rad_s, arm_m)
        slides_m_s = np.linalg.norm(tile_m_s - below_m_s)
        return bool(slides_m_s < self.STILL_M_S and np.linalg.norm(below_m_s) < self.CALM_M_S)

    def solved(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Return whether the tile lies at rest in the pan with its other side up."""
        return self.lies_in_pan(data) and self.up(data) < 0 and self.rests(model, data)


def _velocity(model: mujoco.MjModel, data: mujoco.MjData, body: int) -> tuple[Array, Array]:
    """Return a body's (3,) rad/s and (3,) m/s at its origin, in the world's frame."""
    six = np.empty(6)
    mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_XBODY, body, six, 0)
    return six[:3], six[3:]
