"""The way of a tip to its ball."""

from __future__ import annotations

import numpy as np

from hilctl import geometry
from hilctl.sim.experts.base import SHOWN_TOLERANCE, Array, Expert, LabelSpot, within
from hilctl.sim.scenes import ReachBothScene, ReachScene
from hilctl.sim.world import SimWorld


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
        return tip_at(self._scene, self.aside)

    def remaining_m(self) -> float:
        """Return the distance from tip to ball."""
        tip = self.world.data.site("tip").xpos
        return float(np.linalg.norm(tip - self._scene.TARGET_M))

    def label_spot(self, rng: np.random.Generator) -> LabelSpot:
        """Draw: on the ball, or a few centimetres beside it."""
        offset = within(self.leeway_m, rng) if rng.random() < 0.4 else rng.uniform(-0.04, 0.04, 3)
        goal = tip_at(self._scene, offset)

        def near() -> bool:
            return bool(np.linalg.norm(self.world.tcp_pose()[:3] - goal[:3]) < 0.006)

        return LabelSpot(lambda: goal, near)

    def retreat(self) -> Array | None:
        """Return None: nothing is ever in the way."""
        return None


def tip_at(scene: ReachScene | ReachBothScene, offset: Array) -> Array:
    """Return the (7,) tcp pose that puts an upright tip so far (3,) from the arm's ball."""
    x, y, z = np.add(scene.TARGET_M, offset)
    return geometry.pose([x, y, z + scene.TIP_M], scene.home_tcp[3:])
