"""A reference that gives way: what a position-controlled arm has in place of a spring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry

Array = NDArray[np.float64]

SOFT = 0.5  # share of the force limit from which on it pushes less and less
RETREAT_M_S = 0.02  # for every force limit that the force is above it
MOST_RETREAT_M_S = 0.05


@dataclass(frozen=True)
class YieldingReference:
    """How a reference runs to its target, and gives way to what presses on the tool.

    Attributes:
        speed_m_s: at most.
        speed_rad_s: at most.
        force_n: that it pushes with at most, once it has come to rest.
    """

    speed_m_s: float
    speed_rad_s: float
    force_n: float

    def next(
        self, reference: Array, target: Array, force_base_n: Array, pace_s: float, period_s: float
    ) -> Array:
        """Return the (7,) reference of the next period.

        Args:
            reference: (7,) of this one, in the base frame.
            target: (7,) that it runs to.
            force_base_n: (3,) on the tool, along the axes of the base.
            pace_s: in which it would be there, where its speed allows that.
            period_s: until then.
        """
        fastest_s = geometry.duration_between(reference, target, self.speed_m_s, self.speed_rad_s)
        share = min(1.0, period_s / max(pace_s, fastest_s, period_s))
        wanted = geometry.interpolate(reference, target, share)
        force_n = float(np.linalg.norm(force_base_n))
        if force_n <= SOFT * self.force_n:
            return wanted
        push = force_base_n / force_n
        step = wanted[:3] - reference[:3]
        left = float(np.clip((self.force_n - force_n) / (SOFT * self.force_n), 0.0, 1.0))
        step = step + (left - 1.0) * min(0.0, float(step @ push)) * push
        if force_n <= self.force_n:
            return geometry.pose(reference[:3] + step, wanted[3:])
        above = force_n / self.force_n - 1.0
        retreat_m = min(above * RETREAT_M_S, MOST_RETREAT_M_S) * period_s
        return geometry.pose(reference[:3] + step + retreat_m * push, reference[3:])
