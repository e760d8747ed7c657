"""The way of a peg into its hole, where a touch beside it loses the peg."""

from __future__ import annotations

import numpy as np

from hilctl import geometry
from hilctl.sim.experts.base import FORESIGHT_S, Array, LabelSpot
from hilctl.sim.experts.insert import InsertExpert
from hilctl.sim.scenes import InsertHardScene
from hilctl.sim.world import SimWorld


class InsertHardExpert(InsertExpert):
    """Align above the hole more carefully, then go down."""

    ALIGNED_M, ALIGNED_RAD = 0.0007, 0.02

    def __init__(self, world: SimWorld, arm: str = "") -> None:
        super().__init__(world, arm)
        scene = world.scene
        assert isinstance(scene, InsertHardScene)
        self._peg = scene.peg

    def target(self) -> Array:
        """Return a pose above the hole until aligned, then one further down the hole."""
        return self.arm.tcp_pose() if self.is_lost() else super().target()

    def is_lost(self) -> bool:
        """Return whether the peg has fallen."""
        return not self._peg.is_held(self.world.model, self.world.data)

    def is_at_risk(self) -> bool:
        """Return whether the peg would soon come down beside the slope around the hole."""
        scene, tip = self._scene, self.world.site_pose("peg_tip")
        if self.is_lost() or scene.depth_m(self.world.data) > 0:
            return False
        there = tip[:3] + FORESIGHT_S * self.arm.tcp_velocity()[:3]
        aside_m = np.linalg.norm(there[:2] - scene.SOCKET_XY_M)
        return bool(there[2] < scene.SOCKET_TOP_M and aside_m > scene.LEAD_IN_M)

    def label_spot(self, rng: np.random.Generator) -> LabelSpot:
        """Draw as ever; the empty hand goes here and there."""
        if not self.is_lost():
            return super().label_spot(rng)
        place = self._scene.home_tcp[:3] + rng.uniform(-1, 1, 3) * [0.03, 0.03, 0.03]
        goal = geometry.pose(place, self._scene.home_tcp[3:])

        def near() -> bool:
            return bool(np.linalg.norm(self.arm.tcp_pose()[:3] - place) < 0.006)

        return LabelSpot(lambda: goal, near)

    def retreat(self) -> Array | None:
        """Return a pose straight up while the held peg is low."""
        return None if self.is_lost() else super().retreat()
