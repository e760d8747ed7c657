"""What a skilled person would do next in each scene, from the simulator's privileged state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.sim.scenes import InsertScene, PickScene, ReachBothScene, ReachScene
from hilctl.sim.world import SimWorld

Array = NDArray[np.float64]

SHOWN_TOLERANCE = 0.5  # share of what a scene tolerates within which success is shown


@dataclass(frozen=True)
class LabelSpot:
    """A place worth showing to the reward classifier.

    Attributes:
        target: where to head for.
        reached: whether it is there.
        gripper: what to tell the gripper on the way and there: -1 close, 0 leave, 1 open.
    """

    target: Callable[[], Array]
    reached: Callable[[], bool]
    gripper: Callable[[], int] = lambda: 0


class Expert(ABC):
    """Know the way to success of one arm in one scene.

    Args:
        world: that it looks at.
        arm: name of the arm that it drives.

    Attributes:
        leeway_m: radius of the ball of places in which it shows success; 0 = there is one place.
        aside: (3,) m from the middle of that ball to where it heads for.
    """

    leeway_m = 0.0

    def __init__(self, world: SimWorld, arm: str = "") -> None:
        self.world = world
        self.arm = world.arms[arm]
        self.aside = np.zeros(3)

    @abstractmethod
    def target(self) -> Array:
        """Return the (7,) `T_base_tcp` to head for right now."""

    @abstractmethod
    def remaining_m(self) -> float:
        """Return a distance in m that shrinks to about 0 on the way to success."""

    def gripper(self) -> int:
        """Return what to tell the gripper right now: -1 close, 0 leave, 1 open."""
        return 0

    def vary_success(self, rng: np.random.Generator) -> None:
        """Head from now on for another place that counts as success, where there are many.

        A policy ends anywhere in what is tolerated, and a classifier that has seen the middle alone
        finds all else strange.
        """
        if self.leeway_m:
            self.aside = _within(self.leeway_m, rng)

    @abstractmethod
    def label_spot(self, rng: np.random.Generator) -> LabelSpot:
        """Draw a success or a failure that could be mistaken for one."""

    @abstractmethod
    def retreat(self) -> Array | None:
        """Return a (7,) pose to back out to before going elsewhere, or None when free."""


class InsertExpert(Expert):
    """Align above the hole, then go down while staying aligned."""

    HOVER_M = 0.008
    PUSH_M = 0.012

    def __init__(self, world: SimWorld, arm: str = "") -> None:
        super().__init__(world, arm)
        scene = world.scene
        assert isinstance(scene, InsertScene)
        self._scene = scene

    def target(self) -> Array:
        """Return a pose above the hole until aligned, then one further down the hole."""
        scene, tip = self._scene, self.world.site_pose("peg_tip")
        aside_m, tilt_rad = self._misalignment(tip)
        above_m = tip[2] - scene.SOCKET_TOP_M
        inside = scene.depth_m(self.world.data) > 0.002
        aligned = aside_m < 0.0012 and tilt_rad < 0.03
        if inside or (aligned and above_m < 2 * self.HOVER_M):
            z = tip[2] - self.PUSH_M
        else:
            # wide of the hole: stay up, come down along a cone
            z = scene.SOCKET_TOP_M + self.HOVER_M + min(0.5 * aside_m, 0.02)
        wanted_tip = geometry.pose([*scene.SOCKET_XY_M, z], scene.home_tcp[3:])
        return geometry.compose(wanted_tip, self._tip_to_tcp())

    def remaining_m(self) -> float:
        """Return distance aside plus height to go, with 1 rad of tilt counted as 5 cm."""
        tip = self.world.site_pose("peg_tip")
        aside_m, tilt_rad = self._misalignment(tip)
        bottom = self._scene.SOCKET_TOP_M - self._scene.SOLVED_DEPTH_M
        return float(aside_m + max(0.0, tip[2] - bottom) + 0.05 * tilt_rad)

    def label_spot(self, rng: np.random.Generator) -> LabelSpot:
        """Draw: fully in, part of the way in, on the rim, or hanging over the hole."""
        kind = rng.choice(["in", "part", "rim", "over"], p=[0.25, 0.45, 0.15, 0.15])
        data, scene = self.world.data, self._scene
        if kind == "in":
            return LabelSpot(self.target, self.world.solved)
        if kind == "part":
            # the deeper, the more often: what is nearly done is the hardest to tell from done
            depth_m = 0.003 + (scene.SOLVED_DEPTH_M - 0.005) * np.sqrt(rng.random())
            return self._partial_spot(depth_m, rng.uniform(-0.05, 0.05, 3))
        offset = rng.uniform(-1, 1, 2) * (0.03 if kind == "rim" else 0.01)
        height_m = -0.003 if kind == "rim" else rng.uniform(0.002, 0.03)
        tip_position = [*(np.array(scene.SOCKET_XY_M) + offset), scene.SOCKET_TOP_M + height_m]
        tilt = geometry.quat_from_rotvec(rng.uniform(-0.08, 0.08, 3))
        wanted = geometry.pose(tip_position, geometry.quat_multiply(scene.home_tcp[3:], tilt))

        def near() -> bool:
            tip = data.site("peg_tip").xpos
            return bool(np.linalg.norm(tip - wanted[:3]) < 0.006)

        return LabelSpot(lambda: geometry.compose(wanted, self._tip_to_tcp()), near)

    def retreat(self) -> Array | None:
        """Return a pose straight up while the tip is lower than a little above the socket."""
        tip_m = float(self.world.data.site("peg_tip").xpos[2])
        if tip_m > self._scene.SOCKET_TOP_M + 0.004:
            return None
        up = self.world.tcp_pose()
        up[2] += 0.02
        return up

    def _partial_spot(self, depth_m: float, tilt_rad: Array) -> LabelSpot:
        """Return a spot in the hole, where the peg is held askew as a jammed one would be."""
        tilt = geometry.pose([0, 0, 0], geometry.quat_from_rotvec(tilt_rad))

        def target() -> Array:
            if self._scene.depth_m(self.world.data) < depth_m:
                return self.target()
            return geometry.compose(self.world.tcp_pose(), tilt)

        return LabelSpot(target, lambda: self._scene.depth_m(self.world.data) >= depth_m - 0.001)

    def _misalignment(self, tip: Array) -> tuple[float, float]:
        aside = tip[:2] - self._scene.SOCKET_XY_M
        turn = geometry.rotation_between(tip, self._scene.home_tcp)
        return float(np.linalg.norm(aside)), float(np.linalg.norm(turn))

    def _tip_to_tcp(self) -> Array:
        T_base_tip = self.world.site_pose("peg_tip")
        return geometry.compose(geometry.inverse(T_base_tip), self.world.tcp_pose())


class ReachExpert(Expert):
    """Go straight to the ball."""

    def __init__(self, world: SimWorld, arm: str = "") -> None:
        super().__init__(world, arm)
        scene = world.scene
        assert isinstance(scene, ReachScene)
        self._scene = scene
        self.leeway_m = SHOWN_TOLERANCE * scene.TOLERANCE_M

    def target(self) -> Array:
        """Return the tcp pose that puts the tip on the ball, upright."""
        return _tip_at(self._scene, self.aside)

    def remaining_m(self) -> float:
        """Return the distance from tip to ball."""
        tip = self.world.data.site("tip").xpos
        return float(np.linalg.norm(tip - self._scene.TARGET_M))

    def label_spot(self, rng: np.random.Generator) -> LabelSpot:
        """Draw: on the ball, or a few centimetres beside it."""
        offset = _within(self.leeway_m, rng) if rng.random() < 0.4 else rng.uniform(-0.04, 0.04, 3)
        goal = _tip_at(self._scene, offset)

        def near() -> bool:
            return bool(np.linalg.norm(self.world.tcp_pose()[:3] - goal[:3]) < 0.006)

        return LabelSpot(lambda: goal, near)

    def retreat(self) -> Array | None:
        """Return None: nothing is ever in the way."""
        return None


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
        """Return whether the fingers are closed on the block."""
        block, here = self._scene.block_m(self.world.data), self._here()
        near = np.linalg.norm(here[:3] - block) < 0.02
        width_m = 2 * self._scene.BLOCK_HALF_M[1]
        return bool(near and self._scene.opening_m(self.world.data) < width_m + 0.003)

    def _here(self) -> Array:
        return self.arm.tcp_pose()


class ReachBothExpert(Expert):
    """Go straight to the arm's own ball, and wait there for the other."""

    def __init__(self, world: SimWorld, arm: str = "") -> None:
        super().__init__(world, arm)
        scene = world.scene
        assert isinstance(scene, ReachBothScene)
        self._scene, self._name = scene, arm
        self.leeway_m = SHOWN_TOLERANCE * scene.TOLERANCE_M

    def target(self) -> Array:
        """Return the tcp pose that puts the tip on the ball, upright."""
        return _tip_at(self._scene, self.aside)

    def remaining_m(self) -> float:
        """Return the distance from tip to ball."""
        return self._scene.away_m(self.world.data, self._name)

    def label_spot(self, rng: np.random.Generator) -> LabelSpot:
        """Draw: on the ball, or a few centimetres beside it."""
        offset = _within(self.leeway_m, rng) if rng.random() < 0.6 else rng.uniform(-0.04, 0.04, 3)
        goal = _tip_at(self._scene, offset)

        def near() -> bool:
            return bool(np.linalg.norm(self.arm.tcp_pose()[:3] - goal[:3]) < 0.006)

        return LabelSpot(lambda: goal, near)

    def retreat(self) -> Array | None:
        """Return None: nothing is ever in the way."""
        return None


def _tip_at(scene: ReachScene | ReachBothScene, offset: Array) -> Array:
    """Return the (7,) tcp pose that puts an upright tip so far (3,) from the arm's ball."""
    x, y, z = np.add(scene.TARGET_M, offset)
    return geometry.pose([x, y, z + scene.TIP_M], scene.home_tcp[3:])


def _within(radius_m: float, rng: np.random.Generator) -> Array:
    """Draw a (3,) offset in a ball: any way, and any distance as often as any other."""
    way = rng.standard_normal(3)
    return np.asarray(way / np.linalg.norm(way) * radius_m * rng.random())


EXPERTS: dict[type, type[Expert]] = {
    InsertScene: InsertExpert,
    ReachScene: ReachExpert,
    PickScene: PickExpert,
    ReachBothScene: ReachBothExpert,
}


def expert_for(world: SimWorld, arm: str = "") -> Expert:
    """Return the expert of the world's scene, who drives the arm of that name."""
    return EXPERTS[type(world.scene)](world, arm)
