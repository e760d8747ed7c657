"""An imperfect hand: reaches for a pose with noise, its own pace, pauses and retries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.teleop.base import no_twist

Array = NDArray[np.float64]

STUCK_POLLS = 8
STUCK_PROGRESS_M = 0.001
BACK_OFF_POLLS = 3


class ScriptedHand:
    """Steer the tcp towards a pose as a person with a SpaceMouse would.

    Args:
        rng: source of pace, noise and pauses.
        skill: 1 = steady and quick, 0 = clumsy.
        action_scale: (6,) metres and radians one full twist means.
        pauses: looks before it moves, and rests now and then. A correction does neither: it is
            imitated step by step, and would teach the policy to stand still.
    """

    def __init__(
        self, rng: np.random.Generator, skill: float, action_scale: Array, *, pauses: bool = True
    ) -> None:
        self._rng = rng
        self._scale = action_scale
        clumsy = 1.0 - skill
        self._noise = 0.02 + 0.3 * clumsy  # in actions; 0.08 at the default skill of 0.8
        self._pause_chance = 0.1 * clumsy if pauses else 0.0
        self._pace = rng.uniform(0.4 + 0.4 * skill, 0.6 + 0.4 * skill)
        self._pause = int(rng.integers(0, 1 + round(20 * clumsy))) if pauses else 0
        self._drift = no_twist()
        self._history: list[float] = []
        self._back_off = 0

    def steer(self, T_base_tcp: Array, target: Array, remaining_m: float | None = None) -> Array:
        """Return the (6,) twist in [-1, 1] of this poll.

        Args:
            T_base_tcp: (7,) present pose.
            target: (7,) pose to head for.
            remaining_m: distance to success; when it stops shrinking the hand backs off and
                tries again. None = do not care.
        """
        if self._pause > 0:
            self._pause -= 1
            return no_twist()
        if self._rng.random() < self._pause_chance:
            self._pause = int(self._rng.integers(1, 5))
        if remaining_m is not None and self._is_stuck(remaining_m):
            self._back_off = BACK_OFF_POLLS
        twist = self._towards(T_base_tcp, target)
        if self._back_off > 0:
            self._back_off -= 1
            twist[:3] = [0.0, 0.0, -0.6]  # tool z points at the work: back out along it
        return np.clip(twist + self._tremor(), -1.0, 1.0)

    def push(self, wanted: Array) -> Array:
        """Return a (6,) twist in [-1, 1] near a wanted one: a swing has its own pace."""
        return np.clip(wanted + self._tremor(), -1.0, 1.0)

    def hesitates(self) -> bool:
        """Return whether it still looks before it begins; asked once a poll."""
        self._pause -= 1
        return self._pause >= 0

    def _tremor(self) -> Array:
        self._drift += 0.3 * (self._noise * self._rng.standard_normal(6) - self._drift)
        return np.asarray(self._drift + 0.5 * self._noise * self._rng.standard_normal(6))

    def _towards(self, here: Array, target: Array) -> Array:
        move = geometry.rotate(geometry.quat_conjugate(here[3:]), target[:3] - here[:3])
        twist = np.concatenate([move, geometry.rotation_between(here, target)]) / self._scale
        for half in (twist[:3], twist[3:]):
            length = float(np.linalg.norm(half))
            if length > self._pace:
                half *= self._pace / length
        return twist

    def _is_stuck(self, remaining_m: float) -> bool:
        self._history.append(remaining_m)
        if len(self._history) <= STUCK_POLLS:
            return False
        stuck = self._history[-STUCK_POLLS] - remaining_m < STUCK_PROGRESS_M
        if stuck:
            self._history.clear()
        return stuck
