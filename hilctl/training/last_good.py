"""A copy of the learner from before it broke, and the data that broke it."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from hilctl.agents.base import Agent
from hilctl.data.batch import Batch
from hilctl.errors import DataError
from hilctl.task.files import os_errors

REMEMBER_EVERY = 25  # calls of `remember` between two copies
FAULTS_IN_A_ROW = 3


class LastGood:
    """Remember an agent now and then, and give it back when a loss is not a number.

    A copy is trusted only after the next updates from it went well: parameters can be broken
    by updates whose own losses were still fine.

    Args:
        agent: the first one.
        folder: where batches are kept that broke something, in one that is there; None = nowhere.
    """

    def __init__(self, agent: Agent, folder: Path | None) -> None:
        self.faults = 0
        self._folder = folder
        self.start_from(agent)

    def start_from(self, agent: Agent) -> None:
        """Forget what was remembered, and trust this one."""
        self._trusted = self._newest = copied(agent)
        self._calls = self._in_a_row = 0

    def remember(self, agent: Agent) -> None:
        """Take note that updates went well."""
        self._in_a_row = 0
        self._calls += 1
        if self._calls % REMEMBER_EVERY == 0:
            self._trusted, self._newest = self._newest, copied(agent)

    def give_back(self, batches: Batch) -> Agent:
        """Return the last trusted agent, and keep what broke its successor.

        Raises:
            DataError: it breaks again and again.
            HilctlError: the disk is full, or the folder is gone or cannot be written.
        """
        self.faults += 1
        self._in_a_row += 1
        where = self._keep(batches)
        if self._in_a_row >= FAULTS_IN_A_ROW:
            raise DataError(
                "losses are not numbers, whatever is learnt: a measurement in the data is none",
                where=where,
                hint="look for NaN in that file's observations; mend the device that sent them",
            )
        self._newest = self._trusted
        return copied(self._trusted)

    def _keep(self, batches: Batch) -> str | None:
        if self._folder is None:
            return None
        flat = {f"observations.{key}": value for key, value in batches.observations.items()}
        flat |= {f"next_observations.{k}": v for k, v in batches.next_observations.items()}
        flat |= {k: v for k, v in batches._asdict().items() if isinstance(v, np.ndarray)}
        file = self._folder / f"batch_{self.faults:04d}.npz"
        with os_errors(file):
            self._folder.mkdir(exist_ok=True)  # not of a run that was moved: another may be there
            np.savez(file, **flat)  # type: ignore[arg-type]
        return str(file)


def copied(agent: Agent) -> Agent:
    """Return a copy whose arrays nobody else may give away."""
    copy: Agent = jax.tree.map(lambda x: jnp.copy(x) if isinstance(x, jax.Array) else x, agent)
    return copy
