"""A policy that has learnt nothing, for those who only want to see much of the workspace."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilctl.data.step import Observation
from hilctl.task.layout import ActionLayout

Array = NDArray[np.float64]


class RandomPolicy:
    """Uniform actions with some momentum, so that they go somewhere.

    Args:
        rng: draws them.
        layout: of an action.
        momentum: share of the last action in the next one.
    """

    def __init__(
        self, rng: np.random.Generator, layout: ActionLayout, momentum: float = 0.6
    ) -> None:
        self._rng, self._layout, self._momentum = rng, layout, momentum
        self._action = layout.idle()

    def begin_episode(self, first: Observation) -> None:
        """Start from rest."""
        self._action = self._layout.idle()

    def act(self, observation: Observation) -> Array:
        """Return the (A,) action in [-1, 1]."""
        push = self._rng.uniform(-1, 1, self._layout.size)
        self._action = self._momentum * self._action + (1 - self._momentum) * 2 * push
        return self._layout.nearest(self._action)
