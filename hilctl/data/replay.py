"""Replay by index: a ring of observations in which each episode lies contiguously.

Every observation is stored once. A transition is a slot and the one after it, so the next
observation is by construction the one that followed, and the last observation of an episode is
kept for bootstrapping through a time limit. Half-and-half sampling: Ball et al. 2023 (RLPD).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hilctl.data.batch import Array, Batch, Sampler, part

ObservationSpec = Mapping[str, tuple[tuple[int, ...], DTypeLike]]


class ReplayBuffer(Sampler):
    """Keep the newest observations of contiguous episodes and sample transitions uniformly.

    One writer; readers must not sample while it adds.

    Args:
        capacity: observation slots; an episode of T steps takes T + 1 of them.
        observation_spec: key → (shape, dtype) of one observation.
        action_dim: A.

    Raises:
        ValueError: if the capacity cannot hold one transition.
    """

    def __init__(self, capacity: int, observation_spec: ObservationSpec, action_dim: int) -> None:
        if capacity < 2:
            raise ValueError(f"capacity must be at least 2 observations, not {capacity}")
        self.capacity = capacity
        self._observations = {
            key: np.zeros((capacity, *shape), dtype)
            for key, (shape, dtype) in observation_spec.items()
        }
        self._actions = np.zeros((capacity, action_dim), np.float32)
        self._rewards = np.zeros(capacity, np.float32)
        self._masks = np.zeros(capacity, np.float32)
        self._intervened = np.zeros(capacity, np.bool_)
        self._born = np.zeros(capacity, np.int32)
        self._toggles = np.zeros(capacity, np.uint8)
        self._is_start = np.zeros(capacity, np.bool_)
        self._starts: NDArray[np.int64] = np.empty(0, np.int64)
        self._next_slot = 0

    @property
    def nbytes(self) -> int:
        """Memory in bytes when full."""
        columns = (self._rewards, self._masks, self._intervened, self._born, self._toggles)
        arrays = [*self._observations.values(), self._actions, *columns, self._is_start]
        return sum(array.nbytes for array in arrays) + 8 * self.capacity

    def __len__(self) -> int:
        """Return the number of transitions that can be sampled."""
        return len(self._starts)

    def add_episode(
        self,
        observations: Mapping[str, Array],
        actions: Array,
        rewards: Array,
        terminated: Array,
        intervened: Array,
        toggles: Array,
        *,
        born: int = 0,
    ) -> None:
        """Add a contiguous episode of T steps; the oldest observations make room.

        Args:
            observations: key → (T + 1, *shape).
            actions: (T, A) as executed.
            rewards: (T,).
            terminated: (T,) bool, the task ended with this step (not a mere time limit).
            intervened: (T,) bool.
            toggles: (T,) grippers that turned round.
            born: learner updates made so far.

        Raises:
            ValueError: if shapes or dtypes disagree with the specification, or T + 1 observations
                do not fit.
        """
        steps = len(actions)
        columns = {
            "rewards": rewards,
            "terminated": terminated,
            "intervened": intervened,
            "toggles": toggles,
        }
        self._check(steps, observations, actions, columns)
        slots = (self._next_slot + np.arange(steps + 1)) % self.capacity
        starts = slots[:-1]
        for key, store in self._observations.items():
            store[slots] = observations[key]
        self._actions[starts] = actions
        self._rewards[starts] = rewards
        self._masks[starts] = ~np.asarray(terminated, np.bool_)
        self._intervened[starts] = intervened
        self._born[starts] = born
        self._toggles[starts] = toggles
        # The slot before the first one ends the previous episode, so no older transition
        # reaches into the new one.
        self._is_start[slots[-1]] = False
        self._is_start[starts] = True
        self._starts = np.flatnonzero(self._is_start)
        self._next_slot = int(slots[-1] + 1) % self.capacity

    def add_interventions(
        self,
        observations: Mapping[str, Array],
        actions: Array,
        rewards: Array,
        terminated: Array,
        intervened: Array,
        toggles: Array,
        *,
        born: int = 0,
    ) -> None:
        """Add only the human-controlled stretches of an episode, each with its true neighbours.

        Takes the arguments of `add_episode` and raises the same errors.
        """
        for steps in human_segments(intervened):
            span = slice(steps.start, steps.stop + 1)
            self.add_episode(
                {key: value[span] for key, value in observations.items()},
                actions[steps],
                rewards[steps],
                terminated[steps],
                intervened[steps],
                toggles[steps],
                born=born,
            )

    def allocate(self, *lead: int) -> Batch:
        return Batch(
            observations=self._allocate_observations(lead),
            next_observations=self._allocate_observations(lead),
            actions=np.empty((*lead, self._actions.shape[1]), np.float32),
            rewards=np.empty(lead, np.float32),
            masks=np.empty(lead, np.float32),
            intervened=np.empty(lead, np.bool_),
            is_demo=np.zeros(lead, np.bool_),
            born=np.empty(lead, np.int32),
            toggles=np.empty(lead, np.uint8),
        )

    def _allocate_observations(self, lead: tuple[int, ...]) -> dict[str, Array]:
        return {
            key: np.empty((*lead, *store.shape[1:]), store.dtype)
            for key, store in self._observations.items()
        }

    def fill(self, rng: np.random.Generator, batch: Batch) -> None:
        if not len(self):
            raise ValueError("cannot sample from an empty replay buffer")
        slots = self._starts[rng.integers(len(self._starts), size=len(batch.rewards))]
        for key, store in self._observations.items():
            _take(store, slots, batch.observations[key])
            _take(store, (slots + 1) % self.capacity, batch.next_observations[key])
        _take(self._actions, slots, batch.actions)
        _take(self._rewards, slots, batch.rewards)
        _take(self._masks, slots, batch.masks)
        _take(self._intervened, slots, batch.intervened)
        if batch.born is not None:
            _take(self._born, slots, batch.born)
        if batch.toggles is not None:
            _take(self._toggles, slots, batch.toggles)

    def _check(
        self,
        steps: int,
        observations: Mapping[str, Array],
        actions: Array,
        columns: Mapping[str, Array],
    ) -> None:
        if not 1 <= steps < self.capacity:
            raise ValueError(f"{steps} steps do not fit in {self.capacity} observation slots")
        if observations.keys() != self._observations.keys():
            raise ValueError(
                f"observations {sorted(observations)} given, {sorted(self._observations)} expected"
            )
        for key, store in self._observations.items():
            given = observations[key]
            _expect_shape(key, given, (steps + 1, *store.shape[1:]))
            if not np.can_cast(given.dtype, store.dtype, "same_kind"):
                raise ValueError(f"{key} is {given.dtype}, expected {store.dtype}")
        _expect_shape("actions", actions, (steps, self._actions.shape[1]))
        for name, column in columns.items():
            _expect_shape(name, column, (steps,))


@dataclass(frozen=True)
class MixedSampler(Sampler):
    """Sample half of each batch from online experience and half from demonstrations.

    An odd transition comes from online; while one buffer is empty the other gives everything.
    """

    online: ReplayBuffer
    demos: ReplayBuffer

    def __len__(self) -> int:
        """Return the number of transitions in both buffers."""
        return len(self.online) + len(self.demos)

    def allocate(self, *lead: int) -> Batch:
        return self.online.allocate(*lead)

    def fill(self, rng: np.random.Generator, batch: Batch) -> None:
        n = len(batch.rewards)
        from_demos = n // 2
        if not len(self.online):
            from_demos = n
        elif not len(self.demos):
            from_demos = 0
        if from_demos:
            demos = part(batch, slice(n - from_demos, n))
            self.demos.fill(rng, demos)
            demos.is_demo[:] = True
        if from_demos < n:
            self.online.fill(rng, part(batch, slice(0, n - from_demos)))


def human_segments(intervened: Array) -> list[slice]:
    """Return the stretches of consecutive true values of (T,) bool as step slices."""
    padded = np.concatenate([[False], np.asarray(intervened, np.bool_), [False]])
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    return [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def bytes_needed(capacity: int, observation_spec: ObservationSpec, action_dim: int) -> int:
    """Return the memory in bytes that a full `ReplayBuffer` of these arguments takes."""
    slot = sum(prod(shape) * np.dtype(dtype).itemsize for shape, dtype in observation_spec.values())
    step = 4 * action_dim + 4 + 4 + 1 + 4 + 1 + 1
    index = np.dtype(np.int64).itemsize
    return capacity * (slot + step + index)


def _take(store: Array, rows: NDArray[np.int64], out: Array) -> None:
    # Rows are always in range; mode="clip" lets numpy write to `out` without a temporary copy.
    np.take(store, rows, axis=0, out=out, mode="clip")


def _expect_shape(name: str, array: Array, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
