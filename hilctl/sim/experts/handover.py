"""The way of a bar from one arm to the other, and down."""

from __future__ import annotations

from typing import Any

import numpy as np

from hilctl import geometry
from hilctl.sim.experts.base import SHOWN_TOLERANCE, Array, Expert, LabelSpot
from hilctl.sim.scenes import HandoverScene
from hilctl.sim.world import SimWorld

KINDS = {"down": 0.4, "held": 0.3, "beside": 0.15, "away": 0.15}


class HandoverExpert(Expert):
    """Do the part of one arm: pick up and hold out, or take over and put down.

    Both look at the same bar; neither knows what the other is about to do.
    """

    HOVER_M = 0.045  # tcp over the bar's middle, so that the fingers clear it
    MEET_M = 0.13  # the bar's middle over the table where it changes hands
    CARRY_M = 0.085  # … and at least, where it crosses the wall
    LOW_M = 0.011  # … and where it is let go of
    NEAR_M = 0.004
    READY_M = 0.012  # of the bar from where it changes hands
    BACK_M = 0.06  # of an arm that is not needed, from its grasp

    def __init__(self, world: SimWorld, arm: str = "") -> None:
        super().__init__(world, arm)
        scene = world.scene
        assert isinstance(scene, HandoverScene)
        self._scene, self._name = scene, arm
        self.leeway_m = SHOWN_TOLERANCE * scene.TOLERANCE_M

    def target(self) -> Array:
        """Return the next pose of this arm's part."""
        return self._picks() if self._name == "left" else self._takes(self._pad())

    def gripper(self) -> int:
        """Return close around the bar and on the way, open before and after."""
        if self._name == "left":
            return 1 if self._holds("right") or self._is_placed() else self._closing()
        if self._is_placed() or self._is_down():
            return 1
        offered = self._is_offered() or self._holds("right")
        return self._closing() if offered else 1

    def remaining_m(self) -> float:
        """Return the length of the ways of both arms that are left, the same for either."""
        scene, bar = self._scene, self._bar()[:3]
        if self._is_placed():
            free = [scene.has_let_go(self.world.data, arm) for arm in scene.arms]
            away_m = scene.away_m(self.world.data)
            return 0.01 * free.count(False) + max(0.0, scene.LEFT_M - away_m)
        down_m = scene.LEFT_M + self.MEET_M + scene.PAD_XY_M[0] - scene.MIDDLE_X_M
        if self._holds("right"):
            waits_m = 0.0 if self._left_has_let_go() else 0.02
            return (
                waits_m
                + 0.02
                + scene.LEFT_M
                + float(np.abs(bar - [*scene.PAD_XY_M, self.LOW_M]).sum())
            )
        take_m = float(np.linalg.norm(self._tcp("right") - self._grasp("right", self._meeting())))
        if self._holds("left"):
            lead_m = float(np.abs(bar - self._meeting()).sum())
            return 0.04 + down_m + take_m + lead_m
        lift_m = float(np.abs(self._meeting() - [*scene.START_XY_M, self.LOW_M]).sum())
        pick_m = float(np.linalg.norm(self._tcp("left") - self._grasp("left")))
        return 0.06 + down_m + take_m + lift_m + pick_m

    def is_lost(self) -> bool:
        """Return whether the bar has been dropped where the arm whose turn it is cannot take it."""
        if self._holds("left") or self._holds("right") or self._is_placed():
            return False
        bar, scene = self._bar(), self._scene
        still = bool(np.abs(self.world.data.joint("bar").qvel[:3]).max() < 0.02)
        aside = np.abs(bar[:2] - scene.START_XY_M) > [0.03, 0.04]
        fallen = bar[2] > scene.BAR_HALF_M[2] + 0.004 or bool(aside.any())
        return still and (fallen or abs(self._yaw()) > 0.5)

    def label_spot(self, rng: np.random.Generator) -> LabelSpot:
        """Draw: put down, held over the pad, put down beside it, or a hand elsewhere.

        The left arm does its part whatever the right one is about to show.
        """
        kind = rng.choice(list(KINDS), p=list(KINDS.values()))
        if self._name == "left":
            return LabelSpot(self.target, self.world.solved, self.gripper, patience_s=12.0)
        if self._is_placed() or kind == "away":
            place = rng.uniform([0.58, -0.03, 0.1], [0.72, 0.03, 0.18])
            return LabelSpot(lambda: self._hand_at(place), lambda: self._is_at(place), lambda: 1)
        if kind == "down":
            return LabelSpot(self.target, self.world.solved, self.gripper, patience_s=16.0)
        shift = rng.uniform(-0.012, 0.012, 2) + ([0.0, 0.0] if kind == "held" else [-0.035, 0.0])
        place = np.array([*(self._scene.PAD_XY_M + shift), self.LOW_M])
        if kind == "held":
            place[2] += float(rng.uniform(0.0, 0.015))

        def there() -> bool:
            return bool(np.linalg.norm(self._bar()[:3] - place) < 0.006)

        def gripper() -> int:
            return 1 if kind == "beside" and there() else self._taking()

        return LabelSpot(lambda: self._takes(place), there, gripper, patience_s=16.0)

    def retreat(self) -> Array | None:
        """Return a pose straight up while the fingers are around a bar that they do not hold."""
        tcp, bar = self._tcp(self._name), self._bar()
        around = abs(tcp[1] - bar[1]) < 0.03 and tcp[2] < bar[2] + self.HOVER_M - 0.005
        if self._holds(self._name) or not around or abs(tcp[0] - bar[0]) > 0.11:
            return None
        return self._hand_at([*tcp[:2], bar[2] + self.HOVER_M])

    def _picks(self) -> Array:
        """Return where the left arm goes: to the bar, out to where it is taken, or back."""
        tcp = self._tcp("left")
        if self._holds("right") or self._is_placed():
            if not self._scene.has_let_go(self.world.data, "left"):
                return self._hand_at(tcp)
            back = self._grasp("left", self._meeting()) - [2 * self.BACK_M, 0, 0]
            clear = tcp[2] > self._bar()[2] + self.HOVER_M - 0.005 or tcp[0] < back[0] + self.BACK_M
            return self._hand_at([back[0] if clear else tcp[0], 0.0, self.MEET_M + self.HOVER_M])
        if not self._holds("left"):
            return self._to_the_bar()
        meeting, bar = self._meeting(), self._bar()
        if bar[2] < self.CARRY_M:
            return self._bar_at([*bar[:2], self.MEET_M])
        return self._bar_at(meeting)

    def _takes(self, goal: Array) -> Array:
        """Return where the right arm goes: to wait, to the offered end, and with it to a goal."""
        tcp, bar = self._tcp("right"), self._bar()
        if self._is_placed() and not self._holds("right"):
            return self._hand_at([*tcp[:2], self.MEET_M])
        if not self._holds("right"):
            waiting = self._grasp("right", self._meeting() + np.array([0, 0, self.HOVER_M + 0.01]))
            return self._to_the_bar() if self._is_offered() else self._hand_at(waiting)
        if not self._left_has_let_go():
            return self._hand_at(tcp)
        aside_m = float(np.linalg.norm(bar[:2] - goal[:2]))
        if aside_m < 2 * self.NEAR_M:
            return self._bar_at(goal)
        return self._bar_at([*goal[:2], max(float(bar[2]), self.CARRY_M)])

    def _to_the_bar(self) -> Array:
        """Return a pose over this arm's end until the fingers are on either side, then lower."""
        grasp, tcp = self._grasp(self._name), self._tcp(self._name)
        aside_m = float(np.linalg.norm(tcp[:2] - grasp[:2]))
        low = tcp[2] < grasp[2] + self.HOVER_M - 0.01
        if aside_m < self.NEAR_M or (aside_m < 2 * self.NEAR_M and low):
            return self._hand_at(grasp)
        return self._hand_at([*grasp[:2], grasp[2] + self.HOVER_M + min(0.5 * aside_m, 0.02)])

    def _closing(self) -> int:
        around = np.linalg.norm(self._tcp(self._name) - self._grasp(self._name)) < 0.008
        return -1 if around or self._holds(self._name) else 1

    def _taking(self) -> int:
        return self._closing() if self._is_offered() or self._holds("right") else 1

    def _is_offered(self) -> bool:
        """Return whether the left arm holds the bar out to where it changes hands."""
        away_m = np.linalg.norm(self._bar()[:3] - self._meeting())
        return bool(self._holds("left") and away_m < self.READY_M)

    def _is_placed(self) -> bool:
        return self._scene.lies_on_pad(self.world.data) and not self._holds("right")

    def _is_down(self) -> bool:
        """Return whether the bar, still held, lies well on the pad."""
        low = self._bar()[2] < self.LOW_M + 0.001
        return bool(low and np.linalg.norm(self._bar()[:2] - self._pad()[:2]) < 2 * self.NEAR_M)

    def _left_has_let_go(self) -> bool:
        return self._scene.has_let_go(self.world.data, "left")

    def _holds(self, arm: str) -> bool:
        """Return whether an arm's fingers are closed on its end of the bar."""
        return self._scene.holds(self.world.data, arm)

    def _grasp(self, arm: str, middle: Array | None = None) -> Array:
        """Return the (3,) place of an arm's tcp around its end of the bar, or of one elsewhere."""
        bar = self._bar() if middle is None else np.array([*middle, *geometry.IDENTITY[3:]])
        return self._scene.grasp_m(bar, arm)

    def _meeting(self) -> Array:
        return np.array([self._scene.MIDDLE_X_M, 0.0, self.MEET_M])

    def _pad(self) -> Array:
        return np.array([*(self._scene.PAD_XY_M + self.aside[:2]), self.LOW_M - 0.001])

    def _bar(self) -> Array:
        return self._scene.bar(self.world.data)

    def _yaw(self) -> float:
        ahead = geometry.rotate(self._bar()[3:], [1.0, 0, 0])
        return float(np.arctan2(ahead[1], ahead[0]))

    def _tcp(self, arm: str) -> Array:
        return self._scene.tcp_m(self.world.data, arm)

    def _is_at(self, place: Array) -> bool:
        return bool(np.linalg.norm(self._tcp(self._name) - place) < 0.01)

    def _bar_at(self, place: Any) -> Array:
        """Return the tcp pose that puts the held bar's middle at a place in the world."""
        return self._hand_at(np.asarray(place) + self._tcp(self._name) - self._bar()[:3])

    def _hand_at(self, place: Any) -> Array:
        """Return the upright (7,) `T_base_tcp` at a place in the world."""
        T_base_world = geometry.inverse(self.arm.T_world_base)
        there = geometry.compose(T_base_world, geometry.pose(place, geometry.IDENTITY[3:]))
        return geometry.pose(there[:3], self._scene.home_tcp[3:])
