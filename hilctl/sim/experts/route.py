"""The way of a part over a fence and under a clip."""

from __future__ import annotations

import numpy as np

from hilctl import geometry
from hilctl.sim.experts.base import FORESIGHT_S, Array, Expert, LabelSpot
from hilctl.sim.scenes import RouteScene
from hilctl.sim.world import SimWorld

KINDS = {"kept": 0.3, "under": 0.25, "half": 0.2, "knocked": 0.1, "before": 0.15}


class RouteExpert(Expert):
    """Lift the part, carry it over the fence, lower it, slide its foot in, and pull off."""

    CARRY_M = 0.095  # of the part's middle over the table …
    CLEAR_M = 0.083  # … and from here on it may cross the fence
    LAND_X_M = 0.52  # between fence and clip
    LOW_M = 0.0225  # the sole slides on the table
    SEAT_X_M = 0.559
    SEAT_SPREAD_M = 0.005  # of where success is shown, along the clip and across it
    NEAR_M = 0.004
    MARGIN_M = 0.010  # before and behind the fence

    def __init__(self, world: SimWorld, arm: str = "") -> None:
        super().__init__(world, arm)
        scene = world.scene
        assert isinstance(scene, RouteScene)
        self._scene = scene
        self.leeway_m = self.SEAT_SPREAD_M
        reach = scene.TIP_M + scene.FENCE_HALF_M + self.MARGIN_M
        self._before_m = scene.FENCE_X_M - reach
        self._behind_m = scene.FENCE_X_M + scene.FENCE_HALF_M + scene.STEM_HALF_M[0] + 0.004

    def target(self) -> Array:
        """Return a pose that lifts, crosses, lands, slides in or pulls off, as it is due."""
        return self._towards(self._seat())

    def remaining_m(self) -> float:
        """Return the length of the way that is left: up, across, down, in, and off."""
        scene, data = self._scene, self.world.data
        x, y, z = self._part()
        seat_x, seat_y = self._seat()
        off_m = scene.LET_GO_M + 0.02
        if not self._is_held():
            kept = scene.is_under_clip(data)
            return max(0.0, scene.LET_GO_M - scene.away_m(data)) if kept else off_m + 0.2
        down_m, in_m = self.CARRY_M - self.LOW_M, seat_x - self.LAND_X_M
        if self._is_low() and x > self._behind_m:
            return float(abs(seat_x - x) + abs(seat_y - y) + off_m)
        if x > self._behind_m:
            aside_m = abs(x - self.LAND_X_M) + abs(y - seat_y)
            return float(aside_m + max(0.0, z - self.LOW_M) + in_m + off_m)
        up_m = max(0.0, self.CLEAR_M - z)
        return float(up_m + self.LAND_X_M - x + abs(y - seat_y) + down_m + in_m + off_m)

    def is_lost(self) -> bool:
        """Return whether the part has fallen elsewhere than under the clip."""
        return not self._is_held() and not self._scene.is_under_clip(self.world.data)

    def is_at_risk(self) -> bool:
        """Return whether the part would soon be at the fence, and too low."""
        part = self._part()
        there = part + FORESIGHT_S * self.arm.tcp_velocity()[:3]
        low = min(part[2], there[2]) < self.CLEAR_M - self.MARGIN_M
        ahead = part[0] < self._behind_m and there[0] > self._before_m
        return bool(self._is_held() and low and ahead)

    def label_spot(self, rng: np.random.Generator) -> LabelSpot:
        """Draw: kept, still held under the clip, half in and left, knocked off, or on the way."""
        if not self._is_held():
            return self._above(rng)
        kind = rng.choice(list(KINDS), p=list(KINDS.values()))
        seat = self._seat() + rng.uniform(-1, 1, 2) * self.SEAT_SPREAD_M
        if kind == "kept":
            return LabelSpot(lambda: self._towards(seat), self.world.solved, patience_s=7.0)
        if kind == "under":
            return self._spot([*seat, self.LOW_M])
        if kind == "half":
            edge = self._scene.CLIP_X_M - self._scene.TIP_M
            half_in = np.array([edge + rng.uniform(-0.003, 0.006), seat[1]])
            return LabelSpot(
                lambda: self._towards(half_in), lambda: not self._is_held(), patience_s=7.0
            )
        if kind == "knocked":
            beyond = self._at(self._scene.FENCE_X_M, seat[1], rng.uniform(0.03, 0.065))
            return LabelSpot(lambda: beyond, lambda: not self._is_held())
        return self._spot(rng.uniform([0.5, -0.02, self.LOW_M], [0.55, 0.02, self.CARRY_M]))

    def retreat(self) -> Array | None:
        """Return a pose back out from under the clip while the part is held there."""
        x, y, _ = self._part()
        if not self._is_held() or x < self.LAND_X_M + 2 * self.NEAR_M:
            return None
        return self._at(x - 0.02, y, self.LOW_M)

    def _towards(self, seat: Array) -> Array:
        """Return the next pose on the way to a (2,) place of the part under the clip."""
        x, y, z = self._part()
        if not self._is_held():
            here = self.arm.tcp_pose()
            return geometry.pose([*here[:2], self.CARRY_M], self._scene.home_tcp[3:])
        if x < self._behind_m:
            if z > self.CLEAR_M:
                return self._at(self.LAND_X_M, seat[1], self.CARRY_M)
            return self._at(min(x, self._before_m), y, self.CARRY_M)
        aside_m, ahead_m = abs(y - seat[1]), x - self.LAND_X_M
        if self._is_low():
            if x > seat[0] - 0.002:
                return self._at(x, y, z + 0.02)
            return self._at(seat[0] + 0.002 if aside_m < self.NEAR_M else x, seat[1], self.LOW_M)
        if aside_m < self.NEAR_M and abs(ahead_m) < 2 * self.NEAR_M:
            return self._at(self.LAND_X_M, seat[1], self.LOW_M)
        return self._at(self.LAND_X_M, seat[1], max(z, 2 * self.LOW_M))

    def _above(self, rng: np.random.Generator) -> LabelSpot:
        """Return a place of the empty hand over what the part has become."""
        place = rng.uniform([0.43, -0.03, 0.06], [0.57, 0.03, 0.12])
        goal = geometry.pose(place, self._scene.home_tcp[3:])

        def near() -> bool:
            return bool(np.linalg.norm(self.arm.tcp_pose()[:3] - place) < 0.008)

        return LabelSpot(lambda: goal, near)

    def _spot(self, place: Array | list[float]) -> LabelSpot:
        """Return a (3,) place of the held part at the clip's side of the fence."""
        x, y, height_m = place

        def target() -> Array:
            on_the_way = self._part()[0] < self._behind_m or self._part()[2] > height_m + 0.03
            if on_the_way or (x > self.LAND_X_M + 0.02 and not self._is_low()):
                return self._towards(np.array([x, y]))
            return self._at(x, y, height_m)

        def near() -> bool:
            return bool(np.linalg.norm(self._part() - place) < 0.006)

        return LabelSpot(target, near, patience_s=6.0)

    def _seat(self) -> Array:
        middle = np.array([self.SEAT_X_M, self._scene.clip_y_m(self.world.model)])
        return middle + self.aside[:2]

    def _is_held(self) -> bool:
        return self._scene.part.is_held(self.world.model, self.world.data)

    def _is_low(self) -> bool:
        return bool(self._part()[2] < self.LOW_M + 0.004)

    def _part(self) -> Array:
        return np.asarray(self._scene.part.pose(self.world.data)[:3])

    def _at(self, x: float, y: float, z: float) -> Array:
        """Return the tcp pose that puts the held part, level, at a place."""
        part_to_tcp = geometry.compose(
            geometry.inverse(self._scene.part.pose(self.world.data)), self.arm.tcp_pose()
        )
        return geometry.compose(geometry.pose([x, y, z], self._scene.home_tcp[3:]), part_to_tcp)
