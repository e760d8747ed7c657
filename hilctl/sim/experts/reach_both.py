"""The way of one of two tips to its ball."""

from __future__ import annotations

import numpy as np

from hilctl.sim.experts.base import SHOWN_TOLERANCE, Array, Expert, LabelSpot, within
from hilctl.sim.experts.reach import tip_at
from hilctl.sim.scenes import ReachBothScene
from hilctl.sim.world import SimWorld


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
        return tip_at(self._scene, self.aside)

    def remaining_m(self) -> float:
        """Return the distance from tip to ball."""
        return self._scene.away_m(self.world.data, self._name)

    def label_spot(self, rng: np.random.Generator) -> LabelSpot:
        """Draw: on the ball, or a few centimetres beside it."""
        offset = within(self.leeway_m, rng) if rng.random() < 0.6 else rng.uniform(-0.04, 0.04, 3)
        goal = tip_at(self._scene, offset)

        def near() -> bool:
            return bool(np.linalg.norm(self.arm.tcp_pose()[:3] - goal[:3]) < 0.006)

        return LabelSpot(lambda: goal, near)

    def retreat(self) -> Array | None:
        """Return None: nothing is ever in the way."""
        return None
