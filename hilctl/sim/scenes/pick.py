"""A block that has to be picked up and put on a pad."""

from __future__ import annotations

from typing import Any, ClassVar

import mujoco
import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.sim.scenes.base import CLOSED_M, Scene, add_box

Array = NDArray[np.float64]


class PickScene(Scene):
    """Grasp a block on the table, lift it over a low wall, and let go of it on a pad.

    The block lies a little elsewhere each time. It counts when it rests on the pad and the fingers
    have let go: carried there and held is not placed.
    """

    BLOCK_HALF_M = (0.016, 0.015, 0.02)
    START_XY_M = (0.45, 0.0)
    SPREAD_M = 0.015  # half width of where it lies, in x and in y
    TURN_RAD = 0.1
    PAD_XY_M = (0.555, 0.0)
    PAD_HALF_M = 0.035
    WALL_X_M, WALL_HEIGHT_M = 0.5025, 0.02  # between the two
    TOLERANCE_M = 0.022
    LET_GO_M = 0.006  # of each finger from the block

    HELD_M = 0.02  # of the tcp from the middle of a block that is held

    gripper: ClassVar[bool] = True
    stages: ClassVar[tuple[str, ...]] = ("grasped", "placed")
    home_tcp = geometry.pose([0.5, 0.0, 0.16], geometry.quat_from_rpy([np.pi, 0.0, 0.0]))

    def add_cameras(self, spec: Any) -> None:
        """Add the side camera."""
        spec.worldbody.add_camera(
            name="side", pos=[0.5, -0.33, 0.19], xyaxes=[1, 0, 0, 0, 0.45, 0.893], fovy=34
        )

    def add_objects(self, spec: Any) -> None:
        """Add block, wall and pad."""
        x, y = self.START_XY_M
        block = spec.worldbody.add_body(name="block", pos=[x, y, self.BLOCK_HALF_M[2]])
        block.add_freejoint(name="block")
        body = add_box(block, "block", [0, 0, 0], self.BLOCK_HALF_M, [0.9, 0.45, 0.1, 1])
        body.mass, body.friction = 0.05, [1.0, 0.02, 0.0001]
        table = spec.worldbody
        wall = [self.WALL_X_M, 0, self.WALL_HEIGHT_M / 2]
        add_box(table, "wall", wall, [0.004, 0.06, self.WALL_HEIGHT_M / 2], [0.16, 0.38, 0.72, 1])
        half = [self.PAD_HALF_M, self.PAD_HALF_M, 0.0005]
        add_box(table, "pad", [*self.PAD_XY_M, 0.0005], half, [0.1, 0.7, 0.25, 1], solid=False)

    def randomise(
        self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator
    ) -> None:
        """Draw where the block lies."""
        shift = rng.uniform(-self.SPREAD_M, self.SPREAD_M, 2)
        turn = geometry.quat_from_rotvec([0, 0, rng.uniform(-self.TURN_RAD, self.TURN_RAD)])
        block = data.joint("block")
        block.qpos[:3] = [*(np.array(self.START_XY_M) + shift), self.BLOCK_HALF_M[2]]
        block.qpos[3:] = turn[[3, 0, 1, 2]]

    def block_m(self, data: mujoco.MjData) -> Array:
        """Return the (3,) middle of the block."""
        return np.array(data.body("block").xpos)

    def opening_m(self, data: mujoco.MjData) -> float:
        """Return the distance between the fingers."""
        return float(data.joint("finger_left").qpos[0] + data.joint("finger_right").qpos[0])

    def lies_on_pad(self, data: mujoco.MjData) -> bool:
        """Return whether the block is on the pad, held or not."""
        block = self.block_m(data)
        aside_m = np.linalg.norm(block[:2] - self.PAD_XY_M)
        return bool(aside_m <= self.TOLERANCE_M and block[2] < self.BLOCK_HALF_M[2] + 0.003)

    def has_let_go(self, data: mujoco.MjData) -> bool:
        """Return whether the fingers are open around the block."""
        return self.opening_m(data) >= 2 * (self.BLOCK_HALF_M[1] + self.LET_GO_M)

    def holds(self, data: mujoco.MjData) -> bool:
        """Return whether the fingers are closed on the block."""
        away_m = np.linalg.norm(data.site("tcp").xpos - self.block_m(data))
        closed = self.opening_m(data) < 2 * self.BLOCK_HALF_M[1] + CLOSED_M
        return bool(away_m < self.HELD_M and closed)

    def reached(self, model: mujoco.MjModel, data: mujoco.MjData) -> int:
        """Return 2 when the block is placed, 1 when it is held, or on the pad amid the fingers."""
        if self.solved(model, data):
            return 2
        return int(self.holds(data) or self.lies_on_pad(data))

    def solved(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Return whether the block lies on the pad and the fingers have let go of it."""
        return self.lies_on_pad(data) and self.has_let_go(data)
