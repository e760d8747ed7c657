"""The way of a block over a wall."""

from __future__ import annotations

from typing import Any

import numpy as np

from hilctl import geometry
from hilctl.sim.experts.base import Array, Expert, LabelSpot
from hilctl.sim.scenes import PickScene
from hilctl.sim.world import SimWorld


class PickExpert(Expert):
    """Come down around the block, close, lift it over the wall, and put it down."""

    HOVER_M = 0.05  # tcp over the table, so that the fingers clear a block that lies there
    CARRY_M = 0.075
    GRASP_M = 0.018  # tcp over the table when the fingers are around the block
    NEAR_M = 0.004

    def __init__(self, world: SimWorld, arm: str = "") -> None:
        super().__init__(world, arm)
        scene = world.scene
        assert isinstance(scene, PickScene)
        self._scene = scene

    def target(self) -> Array:
        """Return a pose above the block, around it, over the pad, or away from what is done."""
        if self._is_placed():
            return self._above(self._here()[:2], self.CARRY_M)
        if not self._holds():
            return self._to_the_block()
        return self._with_the_block(self._scene.PAD_XY_M, self.GRASP_M)

    def gripper(self) -> int:
        """Return close around the block and on the way, open before and after."""
        if self._is_placed() or self._is_down():
            return 1
        return -1 if self._is_around() or self._holds() else 1

    def remaining_m(self) -> float:
        """Return the way to the block, the way with it and the way up, as far as they are left."""
        scene, data = self._scene, self.world.data
        block, here = scene.block_m(data), self._here()
        if self._is_placed():
            return 0.0 if scene.has_let_go(data) else 0.01
        to_block = 0.0 if self._holds() else float(np.linalg.norm(here[:3] - block)) + 0.02
        return to_block + float(np.linalg.norm(block[:2] - scene.PAD_XY_M)) + 0.02

    def label_spot(self, rng: np.random.Generator) -> LabelSpot:
        """Draw: placed, held just over the pad, put down beside it, or fingers over the table."""
        scene = self._scene
        kind = rng.choice(["placed", "held", "beside", "over"], p=[0.4, 0.3, 0.15, 0.15])
        if kind == "placed":
            return LabelSpot(self.target, self.world.solved, self.gripper)
        if kind == "over":
            place = rng.uniform([0.43, -0.03], [0.57, 0.03])
            goal = self._above(place, float(rng.uniform(self.HOVER_M, 2 * self.HOVER_M)))
            return LabelSpot(lambda: goal, lambda: self._is_at(goal), lambda: 1)
        if kind == "held":
            place = np.array(scene.PAD_XY_M) + rng.uniform(-0.01, 0.01, 2)
            height_m = self.GRASP_M + float(rng.uniform(0.0, 0.012))
        else:
            place = np.array(scene.START_XY_M) + rng.uniform(-0.01, 0.01, 2)
            height_m = self.GRASP_M + float(rng.uniform(0.0, 0.03))

        def target() -> Array:
            held = self._holds()
            return self._with_the_block(place, height_m) if held else self._to_the_block()

        def reached() -> bool:
            aside_m = np.linalg.norm(scene.block_m(self.world.data)[:2] - place)
            low = self._here()[2] < height_m + 0.006
            return bool(self._holds() and aside_m < 0.008 and low)

        return LabelSpot(target, reached, lambda: -1 if self._is_around() or self._holds() else 1)

    def retreat(self) -> Array | None:
        """Return a pose straight up while the fingers are low and hold nothing."""
        here = self._here()
        if here[2] > self.HOVER_M - 0.004 or self._holds():
            return None
        return self._above(here[:2], self.CARRY_M)

    def _to_the_block(self) -> Array:
        """Return a pose over the block until the fingers are on either side of it, then lower."""
        block, here = self._scene.block_m(self.world.data), self._here()
        aside_m = float(np.linalg.norm(here[:2] - block[:2]))
        if aside_m < self.NEAR_M or (aside_m < 2 * self.NEAR_M and here[2] < self.HOVER_M - 0.01):
            return self._above(block[:2], self.GRASP_M)
        return self._above(block[:2], self.HOVER_M + min(0.5 * aside_m, 0.02))

    def _with_the_block(self, place: Any, height_m: float) -> Array:
        """Return a pose that carries the block over a place, high on the way, then down."""
        here = self._here()
        shift = here[:2] - self._scene.block_m(self.world.data)[:2]
        goal = np.asarray(place) + shift
        aside_m = float(np.linalg.norm(here[:2] - goal))
        if aside_m < 2 * self.NEAR_M:
            return self._above(goal, height_m)
        if here[2] < self.CARRY_M - 0.015:
            return self._above(here[:2], self.CARRY_M)
        return self._above(goal, self.CARRY_M)

    def _above(self, place: Any, height_m: float) -> Array:
        return geometry.pose([*place, height_m], self._scene.home_tcp[3:])

    def _is_at(self, goal: Array) -> bool:
        return bool(np.linalg.norm(self._here()[:3] - goal[:3]) < 0.008)

    def _is_placed(self) -> bool:
        return self._scene.lies_on_pad(self.world.data) and not self._holds()

    def _is_down(self) -> bool:
        """Return whether a held block stands on the pad."""
        low = self._here()[2] < self.GRASP_M + 0.004
        return low and self._scene.lies_on_pad(self.world.data)

    def _is_around(self) -> bool:
        """Return whether the block is between the fingers."""
        block, here = self._scene.block_m(self.world.data), self._here()
        return bool(
            np.linalg.norm(here[:2] - block[:2]) < 2 * self.NEAR_M
            and abs(here[2] - block[2]) < 0.008
        )

    def _holds(self) -> bool:
        return self._scene.holds(self.world.data)

    def _here(self) -> Array:
        return self.arm.tcp_pose()
