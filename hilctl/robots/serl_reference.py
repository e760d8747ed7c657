"""Where an arm is pulled to, step by step: a robot server itself knows nothing of speeds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry

Array = NDArray[np.float64]


class ServoReference:
    """A pose that runs to a goal; it has no lock of its own.

    Attributes:
        point: (7,) that the arm was told last; None while it holds where it is.
        is_halted: somebody has had it stop since it was told where to go.
    """

    def __init__(self) -> None:
        self.point: Array | None = None
        self.is_halted = False
        self._goal: Array | None = None
        self._speed_m_s = self._speed_rad_s = 0.0

    @property
    def is_running(self) -> bool:
        """Whether it is on its way."""
        return self._goal is not None

    def run_to(self, goal: Array, speed_m_s: float, speed_rad_s: float) -> None:
        """Have it run to a (7,) pose at no more than these speeds."""
        self._goal, self.is_halted = goal.copy(), False
        self._speed_m_s, self._speed_rad_s = speed_m_s, speed_rad_s

    def halt(self) -> None:
        """Have it stay where it is."""
        self._goal, self.is_halted = None, True

    def forget(self) -> None:
        """Take it that the arm is no longer held where it was told; nothing goes on by itself."""
        self._goal = self.point = None

    def step(self, here: Array, time_s: float) -> Array | None:
        """Return the (7,) pose that is the next one to be told; None = there is none.

        Args:
            here: (7,) where the arm is, to begin with.
            time_s: since the last step.
        """
        if self._goal is None:
            return None
        start = here if self.point is None else self.point
        whole_s = geometry.duration_between(start, self._goal, self._speed_m_s, self._speed_rad_s)
        if whole_s <= time_s:
            self.point, self._goal = self._goal, None
        else:
            self.point = geometry.interpolate(start, self._goal, time_s / whole_s)
        return self.point
