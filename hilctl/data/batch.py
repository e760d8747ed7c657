"""Batches of transitions, and what can draw them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Batch(NamedTuple):
    """Hold transitions with leading axes `...`: (n,), or (k, n) for k batches at once.

    Attributes:
        observations: key → (..., *shape) before the action.
        next_observations: key → (..., *shape) after the action.
        actions: (..., A) float32, as executed.
        rewards: (...) float32.
        masks: (...) float32, 1 - terminated: truncated episodes bootstrap.
        intervened: (...) bool, a human chose the action.
        is_demo: (...) bool, drawn from the demonstration buffer, in which takeovers are, too.
        born: (...) int32, learner updates made before it came in; None = all were there before any.
        toggles: (...) uint8, grippers that turned round by measurement; None = none did.
    """

    observations: dict[str, Array]
    next_observations: dict[str, Array]
    actions: NDArray[np.float32]
    rewards: NDArray[np.float32]
    masks: NDArray[np.float32]
    intervened: NDArray[np.bool_]
    is_demo: NDArray[np.bool_]
    born: NDArray[np.int32] | None = None
    toggles: NDArray[np.uint8] | None = None


class Sampler(ABC):
    """Draw batches of transitions, with replacement."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of transitions that can be sampled."""

    def sample(self, rng: np.random.Generator, n: int) -> Batch:
        """Draw `n` transitions: leading axis (n,).

        Raises:
            ValueError: if there is nothing to sample.
        """
        batch = self.allocate(n)
        self.fill(rng, batch)
        return batch

    def sample_many(self, rng: np.random.Generator, k: int, n: int) -> Batch:
        """Draw `k` batches of `n` for a scanned update: leading axes (k, n).

        Raises:
            ValueError: if there is nothing to sample.
        """
        batch = self.allocate(k, n)
        for i in range(k):
            self.fill(rng, part(batch, i))
        return batch

    @abstractmethod
    def allocate(self, *lead: int) -> Batch:
        """Allocate a batch with the leading axes `lead`."""

    @abstractmethod
    def fill(self, rng: np.random.Generator, batch: Batch) -> None:
        """Draw into the contiguous arrays of a batch with one leading axis.

        Raises:
            ValueError: if there is nothing to sample.
        """


def part(batch: Batch, index: int | slice) -> Batch:
    """View a part of a batch along its first axis."""
    return Batch(
        observations={key: value[index] for key, value in batch.observations.items()},
        next_observations={key: value[index] for key, value in batch.next_observations.items()},
        actions=batch.actions[index],
        rewards=batch.rewards[index],
        masks=batch.masks[index],
        intervened=batch.intervened[index],
        is_demo=batch.is_demo[index],
        born=None if batch.born is None else batch.born[index],
        toggles=None if batch.toggles is None else batch.toggles[index],
    )
