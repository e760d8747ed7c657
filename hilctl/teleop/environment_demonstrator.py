"""Any environment, demonstrated by the expert that came with it: only what it would do is known.

How far a policy has come is told by what it does: an action counts as much as it goes along with
the expert's. So a policy that stands still stalls, and one that goes elsewhere drifts off.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilctl.devices import AdvisedEnvironment
from hilctl.teleop.base import Role, TeleopInput
from hilctl.teleop.demonstrator import Demonstrator

Array = NDArray[np.float64]

FAR = 1e6  # nobody knows how far it is: only differences count
REST = 0.05  # an expert that asks for less than that asks for rest
FIRST_GUESS_STEPS = 30  # to success, until one was seen
WANDER_STEPS = (5, 20)
MOMENTUM = 0.7


class EnvironmentDemonstrator(Demonstrator):
    """Do what an environment's expert advises, with a hand that trembles.

    Args:
        environment: that the expert looks at.
        operator: the expert, `package.module:factory`.
        rng: of the hand's noise, and of where it lets go.
        skill: 1 = as the expert says, 0 = clumsy.

    Raises:
        DeviceError: there is no such expert.
    """

    full_action = 1.0

    def __init__(
        self,
        environment: AdvisedEnvironment,
        operator: str,
        rng: np.random.Generator,
        skill: float,
    ) -> None:
        environment.hire(operator)
        self._environment, self._rng = environment, rng
        self._noise = 0.4 * (1.0 - skill)  # in actions; 0.08 at the default skill of 0.8
        self._usual_steps = float(FIRST_GUESS_STEPS)

    def begin_episode(self, role: Role) -> None:
        """Forget the last episode."""
        self._advised: Array | None = None
        self._remaining = FAR
        self._steps, self._was_solved = 0, False
        self._drift = self._direction = np.zeros_like(self._environment.advice())
        self._wandering, self._until_letting_go = 0, self._draw_steps()

    def look(self) -> None:
        """Count how much of what was advised was done in the last step."""
        executed = self._environment.executed
        if self._advised is not None and executed is not None:
            self._remaining -= agreement(executed, self._advised)
            self._steps += 1
        self._advised = self._environment.advice()
        if self.solved() and not self._was_solved:
            self._was_solved = True
            self._usual_steps += 0.3 * (self._steps - self._usual_steps)

    def solved(self) -> bool:
        """Return what the environment says."""
        return self._environment.solved()

    def remaining(self) -> float:
        """Return in full actions how far it is, but for a number that nobody knows."""
        return self._remaining

    def drive(self) -> TeleopInput:
        """Do as advised, with noise that comes and goes."""
        advised = self._environment.advice()
        self._drift = 0.7 * self._drift + 0.3 * self._noise * self._normal(advised)
        noise = self._drift + 0.5 * self._noise * self._normal(advised)
        return _moving(np.clip(advised + noise, -1.0, 1.0))

    def show(self) -> TeleopInput:
        """Break off on the way to success, or behind it, wander about for a while, and go on."""
        if self._wandering > 0:
            self._wandering -= 1
            push = self._rng.uniform(-1, 1, self._direction.shape)
            self._direction = MOMENTUM * self._direction + (1 - MOMENTUM) * 2 * push
            return _moving(np.clip(self._direction, -1.0, 1.0))
        self._until_letting_go -= 1
        if self._until_letting_go <= 0:
            self._wandering = int(self._rng.integers(*WANDER_STEPS))
            self._direction = self._rng.uniform(-1, 1, self._environment.advice().shape)
            self._until_letting_go = self._draw_steps()
        return self.drive()

    def _draw_steps(self) -> int:
        """Draw when to break off: the nearer to success, the more often, and sometimes after it.

        What is nearly done is the hardest to tell from done.
        """
        return round(1.2 * self._usual_steps * np.sqrt(self._rng.random()))

    def _normal(self, like: Array) -> Array:
        return self._rng.standard_normal(like.shape)


def agreement(executed: Array, advised: Array) -> float:
    """Return how much of an advised action was done, -1 to 1; 1 = all of it."""
    size = float(np.linalg.norm(advised))
    if size < REST:
        return 1.0 - min(1.0, float(np.linalg.norm(executed)))
    return float(np.clip(executed @ advised / size**2, -1.0, 1.0))


def _moving(action: Array) -> TeleopInput:
    return TeleopInput(action=action, engaged=True)
