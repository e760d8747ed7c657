"""A bar that one arm has to hand to another, which puts it down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import mujoco
import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.sim.scenes.base import CLOSED_M, Scene, add_box

Array = NDArray[np.float64]


class HandoverScene(Scene):
    """Two arms face each other, a wall between them: one picks a bar up, the other puts it down.

    The left arm takes the bar by its near end, the right one takes the other end in the air and
    lays it on the pad. What falls in between lies out of reach. The bar lies a little elsewhere
    each time.
    """

    arms: ClassVar[Mapping[str, tuple[float, float, float]]] = {
        "left": (0.0, 0.0, 0.0),
        "right": (1.06, 0.0, 0.0),
    }
    facing_rad: ClassVar[Mapping[str, float]] = {"right": np.pi}
    gripper: ClassVar[bool] = True
    stages: ClassVar[tuple[str, ...]] = ("grasped", "passed", "placed")

    MIDDLE_X_M = 0.53
    WALL_HALF_M, WALL_HEIGHT_M = 0.004, 0.05
    BAR_HALF_M = (0.085, 0.008, 0.01)
    START_XY_M = (0.41, 0.0)
    SPREAD_M = 0.012  # half width of where it lies, in x and in y
    TURN_RAD = 0.08
    PAD_XY_M = (0.65, 0.0)
    PAD_HALF_M = (0.09, 0.035)
    TOLERANCE_M = 0.025
    GRASP_AT_M = 0.065  # of the grasps, from the bar's middle along it …
    GRASP_OVER_M = 0.002  # … and over it
    HELD_ALONG_M, HELD_ASIDE_M = 0.025, 0.014  # of the tcp from the grasp of a bar that is held
    LET_GO_M = 0.006  # of each finger from the bar
    LEFT_M = 0.03  # of the right tcp over the bar's middle, when the hand has left

    home_tcp = geometry.pose([0.40, 0.0, 0.16], geometry.quat_from_rpy([np.pi, 0.0, 0.0]))

    def add_cameras(self, spec: Any) -> None:
        """Add the front camera, which sees both arms at work from the side."""
        spec.worldbody.add_camera(
            name="front",
            pos=[self.MIDDLE_X_M, -0.5, 0.25],
            xyaxes=[1, 0, 0, 0, 0.2, 0.98],
            fovy=43,
        )

    def add_objects(self, spec: Any) -> None:
        """Add bar, wall, pad, and more table."""
        table = spec.worldbody
        add_box(table, "far_table", [1.0, 0, -0.021], [0.3, 0.5, 0.02], [0.45, 0.38, 0.32, 1])
        bar = table.add_body(name="bar", pos=[*self.START_XY_M, self.BAR_HALF_M[2]])
        bar.add_freejoint(name="bar")
        body = add_box(bar, "bar", [0, 0, 0], self.BAR_HALF_M, [0.9, 0.45, 0.1, 1])
        body.mass, body.friction = 0.04, [1.0, 0.02, 0.0001]
        half = [self.WALL_HALF_M, 0.1, self.WALL_HEIGHT_M / 2]
        add_box(table, "wall", [self.MIDDLE_X_M, 0, half[2]], half, [0.16, 0.38, 0.72, 1])
        pad = [*self.PAD_HALF_M, 0.0005]
        add_box(table, "pad", [*self.PAD_XY_M, 0.0005], pad, [0.1, 0.7, 0.25, 1], solid=False)

    def randomise(
        self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator
    ) -> None:
        """Draw where the bar lies."""
        shift = rng.uniform(-self.SPREAD_M, self.SPREAD_M, 2)
        turn = geometry.quat_from_rotvec([0, 0, rng.uniform(-self.TURN_RAD, self.TURN_RAD)])
        bar = data.joint("bar")
        bar.qpos[:3] = [*(np.array(self.START_XY_M) + shift), self.BAR_HALF_M[2]]
        bar.qpos[3:] = turn[[3, 0, 1, 2]]

    def bar(self, data: mujoco.MjData) -> Array:
        """Return the (7,) pose of the bar's middle."""
        body = data.body("bar")
        return geometry.pose(body.xpos, body.xquat[[1, 2, 3, 0]])

    def tcp_m(self, data: mujoco.MjData, arm: str) -> Array:
        """Return the (3,) place of an arm's tcp in the world."""
        return np.array(data.site(f"{arm}/tcp").xpos)

    def opening_m(self, data: mujoco.MjData, arm: str) -> float:
        """Return the distance between an arm's fingers."""
        fingers = (f"{arm}/finger_left", f"{arm}/finger_right")
        return float(sum(data.joint(finger).qpos[0] for finger in fingers))

    def grasp_m(self, bar: Array, arm: str) -> Array:
        """Return the (3,) place of an arm's tcp around its end of a bar at the (7,) pose."""
        along = [-self.GRASP_AT_M if arm == "left" else self.GRASP_AT_M, 0.0, 0.0]
        return np.asarray(bar[:3] + geometry.rotate(bar[3:], along) + [0, 0, self.GRASP_OVER_M])

    def holds(self, data: mujoco.MjData, arm: str) -> bool:
        """Return whether an arm's fingers are closed on its end of the bar."""
        away = self.tcp_m(data, arm) - self.grasp_m(self.bar(data), arm)
        near = abs(away[0]) < self.HELD_ALONG_M and np.linalg.norm(away[1:]) < self.HELD_ASIDE_M
        return bool(near and self.opening_m(data, arm) < 2 * self.BAR_HALF_M[1] + CLOSED_M)

    def has_let_go(self, data: mujoco.MjData, arm: str) -> bool:
        """Return whether an arm's fingers are open around the bar, or wherever they are."""
        return self.opening_m(data, arm) >= 2 * (self.BAR_HALF_M[1] + self.LET_GO_M)

    def lies_on_pad(self, data: mujoco.MjData) -> bool:
        """Return whether the bar is on the pad, held or not."""
        place = self.bar(data)[:3]
        aside_m = np.linalg.norm(place[:2] - self.PAD_XY_M)
        return bool(aside_m <= self.TOLERANCE_M and place[2] < self.BAR_HALF_M[2] + 0.003)

    def away_m(self, data: mujoco.MjData) -> float:
        """Return how far the right tcp is above the bar's middle."""
        return float(self.tcp_m(data, "right")[2] - self.bar(data)[2])

    def reached(self, model: mujoco.MjModel, data: mujoco.MjData) -> int:
        """Return 3 when the bar is placed, 2 from when the right hand has it, 1 with the left."""
        if self.solved(model, data):
            return 3
        if self.holds(data, "right") or self.lies_on_pad(data):
            return 2
        return int(self.holds(data, "left"))

    def solved(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Return whether the bar lies on the pad, both hands are open, and the right one has left.

        No camera sees whether fingers are open that are still around the bar.
        """
        free = all(self.has_let_go(data, arm) for arm in self.arms)
        return free and self.lies_on_pad(data) and self.away_m(data) >= self.LEFT_M
