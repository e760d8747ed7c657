"""The way of a peg into its hole."""

from __future__ import annotations

import numpy as np

from hilctl import geometry
from hilctl.sim.experts.base import Array, Expert, LabelSpot
from hilctl.sim.scenes import InsertScene
from hilctl.sim.world import SimWorld


class InsertExpert(Expert):
    """Align above the hole, then go down while staying aligned."""

    HOVER_M = 0.008
    PUSH_M = 0.012
    ALIGNED_M, ALIGNED_RAD = 0.0012, 0.03

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
        aligned = aside_m < self.ALIGNED_M and tilt_rad < self.ALIGNED_RAD
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
