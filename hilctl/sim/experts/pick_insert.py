"""The way of a plug into its socket."""

from __future__ import annotations

from typing import Any

import numpy as np

from hilctl import geometry
from hilctl.sim.experts.base import Array, Expert, LabelSpot
from hilctl.sim.scenes import PickInsertScene
from hilctl.sim.world import SimWorld

KINDS = {"in": 0.35, "held": 0.2, "part": 0.2, "beside": 0.1, "over": 0.15}


class PickInsertExpert(Expert):
    """Grasp the plug by its handle, carry it over the socket, press it in, let go and leave.

    A plug that is held by its pin is put down and grasped again.
    """

    GRASP_M = 0.013  # tcp over the plug's middle …
    LOWEST_GRASP_M = 0.006  # … and at least, or the fingers stop at the socket
    HOVER_M = 0.045  # tcp over the plug's middle, so that the fingers clear its handle
    CARRY_M = 0.072  # the plug's middle over the table, so that the pin clears the socket
    OVER_M = 0.066  # the same, where it is aligned
    PUSH_M = 0.012
    NEAR_M = 0.004
    ALIGNED_M = 0.0015

    def __init__(self, world: SimWorld, arm: str = "") -> None:
        super().__init__(world, arm)
        scene = world.scene
        assert isinstance(scene, PickInsertScene)
        self._scene = scene
        self._release_m = scene.SOLVED_DEPTH_M + 0.002
        self._height_m = self.CARRY_M

    def target(self) -> Array:
        """Return a pose over the plug, around it, over the socket, down it, or away from it."""
        if self._is_in():
            return self._hand_at(self._here()[:2], self._plug()[2] + self._height_m)
        if not self._holds():
            return self._to_the_plug()
        if not self._is_held_well():
            return self._put_down(self._free_place())
        return self._into_the_socket()

    def gripper(self) -> int:
        """Return close around the plug and on the way; open before, when in, and to regrasp."""
        if self._is_in():
            return 1
        if self._holds() and not self._is_held_well():
            stands = self._plug()[2] < self._scene.STANDS_M + 0.002
            return 1 if stands or self._depth_m() > 0.003 else -1
        return -1 if self._is_around() or self._holds() else 1

    def remaining_m(self) -> float:
        """Return the way to the plug, the way with it and the way down, as far as they are left."""
        scene, plug, here = self._scene, self._plug(), self._here()
        if self._is_in():
            opens_m = 0.0 if scene.has_let_go(self.world.data) else 0.01
            return opens_m + max(0.0, scene.LEFT_M - scene.away_m(self.world.data))
        aside_m = float(np.linalg.norm(plug[:2] - scene.SOCKET_XY_M))
        solved_z = scene.SOCKET_TOP_M + scene.STANDS_M - scene.SOLVED_DEPTH_M
        way_m = aside_m + scene.LEFT_M + 0.02
        if self._depth_m() > 0.002 or aside_m < 2 * self.NEAR_M:
            way_m += max(0.0, float(plug[2]) - solved_z)
        else:
            way_m += self.CARRY_M - solved_z + max(0.0, self.CARRY_M - float(plug[2]))
        if self._holds():
            return way_m if self._is_held_well() else way_m + 0.06
        grasp = np.add(plug, [0, 0, self.GRASP_M])
        return way_m + 0.02 + float(np.linalg.norm(here[:3] - grasp))

    def is_lost(self) -> bool:
        """Return whether the plug has fallen over, or out of reach."""
        aside_m = np.abs(self._plug()[:2] - self._scene.home_tcp[:2])
        fallen = self._scene.tilt_rad(self.world.data) > 0.7
        return bool((fallen and not self._holds()) or (aside_m > [0.09, 0.06]).any())

    def vary_success(self, rng: np.random.Generator) -> None:
        """Let go at another depth that counts, and go to another height."""
        self._release_m = self._scene.SOLVED_DEPTH_M + float(rng.uniform(0.0005, 0.004))
        self._height_m = float(rng.uniform(self._scene.LEFT_M + 0.005, 0.09))

    def label_spot(self, rng: np.random.Generator) -> LabelSpot:
        """Draw: in, in and held, let go of half in, put down beside it, or fingers over the table.

        Where the plug has fallen over, only the hand goes elsewhere.
        """
        kind = rng.choice(list(KINDS), p=list(KINDS.values()))
        if kind == "in":
            return LabelSpot(self.target, self.world.solved, self.gripper, patience_s=8.0)
        if kind == "over" or self.is_lost():
            goal = self._hand_at(rng.uniform([0.43, -0.03], [0.57, 0.03]), rng.uniform(0.09, 0.14))
            return LabelSpot(lambda: goal, lambda: self._is_at(goal), lambda: 1)
        if kind == "beside":
            return self._beside(np.array([rng.uniform(0.44, 0.49), rng.uniform(-0.02, 0.02)]))
        depth_m = 0.019 if kind == "held" else rng.uniform(0.004, 0.016)
        return self._partly(depth_m, lets_go=kind == "part")

    def retreat(self) -> Array | None:
        """Return a pose straight up while the fingers are low and hold nothing."""
        here, plug = self._here(), self._plug()
        near = np.linalg.norm(here[:2] - plug[:2]) < 0.03
        if self._holds() or not near or here[2] > plug[2] + self.HOVER_M - 0.004:
            return None
        return self._hand_at(here[:2], plug[2] + self.HOVER_M)

    def _to_the_plug(self) -> Array:
        """Return a pose over the plug until the fingers are on either side of it, then lower."""
        plug, here = self._plug(), self._here()
        aside_m = float(np.linalg.norm(here[:2] - plug[:2]))
        low = here[2] < plug[2] + self.HOVER_M - 0.01
        if aside_m < self.NEAR_M or (aside_m < 2 * self.NEAR_M and low):
            return self._hand_at(plug[:2], plug[2] + self.GRASP_M)
        return self._hand_at(plug[:2], plug[2] + self.HOVER_M + min(0.5 * aside_m, 0.02))

    def _into_the_socket(self) -> Array:
        """Return a pose that lifts the held plug, carries it over the socket, or presses it in."""
        scene, plug = self._scene, self._plug()
        aside_m = float(np.linalg.norm(plug[:2] - scene.SOCKET_XY_M))
        upright = scene.tilt_rad(self.world.data) < 0.06
        inside = self._depth_m() > 0.002
        if inside or (aside_m < self.ALIGNED_M and upright and plug[2] < self.CARRY_M):
            return self._plug_at(scene.SOCKET_XY_M, plug[2] - self.PUSH_M)
        if aside_m < 2 * self.NEAR_M and plug[2] > self.OVER_M - 0.004:
            return self._plug_at(scene.SOCKET_XY_M, self.OVER_M)
        if plug[2] < self.CARRY_M - 0.008:
            return self._plug_at(plug[:2], self.CARRY_M)
        return self._plug_at(scene.SOCKET_XY_M, self.CARRY_M)

    def _put_down(self, place: Any) -> Array:
        """Return a pose that puts the held plug on the table, or leaves it where it is stuck."""
        plug = self._plug()
        if self._depth_m() > 0.003:
            return self._plug_at(plug[:2], plug[2])
        aside_m = float(np.linalg.norm(plug[:2] - place))
        if aside_m < 2 * self.NEAR_M:
            return self._plug_at(place, self._scene.STANDS_M - 0.001)
        near_socket = abs(plug[0] - self._scene.SOCKET_XY_M[0]) < 0.04
        if near_socket and plug[2] < self.CARRY_M - 0.008:
            return self._plug_at(plug[:2], self.CARRY_M)
        return self._plug_at(place, max(float(plug[2]), self._scene.STANDS_M + 0.01))

    def _free_place(self) -> Array:
        """Return where on the table the held plug can be put down: here, but for the socket."""
        x, y = self._plug()[:2]
        return np.array([min(x, self._scene.SOCKET_XY_M[0] - 0.06), y])

    def _beside(self, place: Array) -> LabelSpot:
        def target() -> Array:
            return self._put_down(place) if self._holds() else self._to_the_plug()

        def reached() -> bool:
            aside_m = np.linalg.norm(self._plug()[:2] - place)
            return bool(aside_m < 0.01 and self._plug()[2] < self._scene.STANDS_M + 0.002)

        def gripper() -> int:
            return 1 if reached() else -1 if self._is_around() or self._holds() else 1

        return LabelSpot(target, reached, gripper, patience_s=7.0)

    def _partly(self, depth_m: float, *, lets_go: bool) -> LabelSpot:
        """Return a spot so deep in the hole, let go of there or not."""

        def deep() -> bool:
            return self._depth_m() >= depth_m

        def target() -> Array:
            if not deep():
                return self.target()
            return self._hand_at(self._here()[:2], self._here()[2])

        def gripper() -> int:
            return (1 if lets_go else -1) if deep() else self.gripper()

        return LabelSpot(target, deep, gripper, patience_s=8.0)

    def _is_in(self) -> bool:
        return self._depth_m() >= (
            self._scene.SOLVED_DEPTH_M if not self._holds() else self._release_m
        )

    def _is_held_well(self) -> bool:
        return bool(self._here()[2] - self._plug()[2] >= self.LOWEST_GRASP_M)

    def _is_around(self) -> bool:
        """Return whether the handle is between the fingers."""
        plug, here = self._plug(), self._here()
        near = np.linalg.norm(here[:2] - plug[:2]) < 2 * self.NEAR_M
        return bool(near and abs(here[2] - plug[2] - self.GRASP_M) < 0.004)

    def _holds(self) -> bool:
        return self._scene.holds(self.world.data)

    def _is_at(self, goal: Array) -> bool:
        return bool(np.linalg.norm(self._here()[:3] - goal[:3]) < 0.008)

    def _hand_at(self, place: Any, height_m: float) -> Array:
        return geometry.pose([*place, height_m], self._scene.home_tcp[3:])

    def _plug_at(self, place: Any, height_m: float) -> Array:
        """Return the tcp pose that puts the held plug's middle at a place, the plug upright."""
        plug_to_tcp = geometry.compose(
            geometry.inverse(self._scene.plug(self.world.data)), self._here()
        )
        upright = geometry.pose([*place, height_m], geometry.IDENTITY[3:])
        return geometry.compose(upright, plug_to_tcp)

    def _depth_m(self) -> float:
        return self._scene.depth_m(self.world.data)

    def _plug(self) -> Array:
        return np.asarray(self._scene.plug(self.world.data)[:3])

    def _here(self) -> Array:
        return self.arm.tcp_pose()
