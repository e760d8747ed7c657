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
    # ahead, down and pitch of each tenth of a second, in [-1, 1] of the template's limits: found
    # by a search over swings (cross-entropy method), for starts and hands of all kinds
    SWING: ClassVar[Array] = np.array(
        [
            [-0.12, 0.16, -0.91],
            [0.63, 0.08, -0.83],
            [-0.72, -0.06, -0.83],
            [-0.52, -0.49, -0.07],
            [-0.24, -0.96, -0.94],
            [0.42, -0.97, 0.54],
            [-0.08, -0.17, -0.92],
            [0.21, -0.04, -0.35],
            [-0.19, 0.21, -0.71],
        ]
    )
    STILL_M_S = 0.05
    SWINGS_M_S = 0.25  # a pan that is so fast is being swung
    REST_PERIODS = 6  # after a swing, at least
    PROGRESS_M = 0.004  # that a period of swinging counts as, for as long as one swing takes

    def __init__(self, world: SimWorld, arm: str = "") -> None:
        super().__init__(world, arm)
        scene = world.scene
        assert isinstance(scene, FlipScene)
        self._scene = scene
        self._periods: int | None = None  # since a swing began
        self._has_swung = False
        self._swung_m = 0.0
        self._restless_periods = 0  # since the pan was still

    def push(self) -> Array:
        """Return what is next in the swing, or nothing where it is not the time for one."""
        twist = np.zeros(6)
        if self._periods is None and self._may_begin():
            self._periods = 0
        if self._periods is not None:
            self._has_swung = True
            if self._periods < len(self.SWING):
                twist[NUMBERS] = self.SWING[self._periods]
            self._periods += 1
            if self._periods >= len(self.SWING) + self.REST_PERIODS:
                self._periods = None
        return twist

    def target(self) -> Array:
        """Return where the tool is: nobody steers it."""
        return self.arm.tcp_pose()

    def remaining_m(self) -> float:
        """Return how far the tile still has to turn, a half turn being 10 cm.

        A pan that is swung makes progress, whatever the tile does; one that is shaken on and on
        does not.
        """
        speed_m_s = self._speed_m_s()
        still = speed_m_s < self.STILL_M_S
        self._restless_periods = 0 if still else self._restless_periods + 1
        if speed_m_s > self.SWINGS_M_S and self._restless_periods <= len(self.SWING):
            self._swung_m += self.PROGRESS_M
        return 0.05 * (1.0 + self._scene.up(self.world.data)) - self._swung_m

    def may_take_over(self) -> bool:
        """Return whether the pan rests: nobody helps amid a swing.

        An operator who stilled moving pans first was in charge for five times as many steps, and
        the policies were no better for it: 162 of 200 attempts succeeded against 82 of 100.
        """
        return self._may_begin()

    def is_amid(self) -> bool:
        """Return whether it has swung: then it holds the pan until the verdict, or swings again."""
        return self._has_swung

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
        unturned = self._scene.lies_in_pan(data) and self._scene.up(data) > 0
        return unturned and self._speed_m_s() < self.STILL_M_S

    def _speed_m_s(self) -> float:
        return float(np.linalg.norm(self.arm.tcp_velocity()[:3]))
