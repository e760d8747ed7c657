"""The swing that turns a tile over in its pan."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from hilctl.sim.experts.base import Array, Expert, LabelSpot
from hilctl.sim.scenes import FlipScene
from hilctl.sim.world import SimWorld

NUMBERS = [0, 2, 4]  # of a twist: ahead, down, and the pitch


class FlipExpert(Expert):
    """Wait until the pan is still, swing, and let it come to rest; once more where that failed."""

    pushes: ClassVar[bool] = True
    # x, z, ry of each control period at 10 Hz, in [-1, 1]; found by search
    SWING = np.zeros((9, 3))
    STILL_M_S = 0.03
    RESTS = 8  # periods after a swing until another one may begin

    def __init__(self, world: SimWorld, arm: str = "") -> None:
        super().__init__(world, arm)
        scene = world.scene
        assert isinstance(scene, FlipScene)
        self._scene = scene
        self._step: int | None = None

    def push(self) -> Array:
        """Return the next of the swing, or nothing where it is not the time for one."""
        twist = np.zeros(6)
        if self._step is None and self._may_begin():
            self._step = 0
        if self._step is not None:
            if self._step < len(self.SWING):
                twist[NUMBERS] = self.SWING[self._step]
            self._step += 1
            if self._step >= len(self.SWING) + self.RESTS:
                self._step = None
        return twist

    def target(self) -> Array:
        """Return where the tool is: nobody steers it."""
        return self.arm.tcp_pose()

    def remaining_m(self) -> float:
        """Return how far the tile still has to turn: a half turn counts as 10 cm."""
        return 0.05 * (1.0 + self._scene.up(self.world.data))

    def is_lost(self) -> bool:
        """Return whether the tile has left the pan."""
        return self._scene.is_lost(self.world.data)

    def label_spot(self, rng: np.random.Generator) -> LabelSpot:
        """Return the only one: the tile turned over."""
        return LabelSpot(self.target, self.world.solved)

    def retreat(self) -> Array | None:
        """Return None: there is nothing to back out of."""
        return None

    def _may_begin(self) -> bool:
        data = self.world.data
        still = float(np.linalg.norm(self.arm.tcp_velocity()[:3])) < self.STILL_M_S
        return still and self._scene.lies_in_pan(data) and not self.world.solved()
