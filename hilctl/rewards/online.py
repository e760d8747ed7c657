"""Veto and confirm: a classifier that learns from the operator's objections while training runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl.rewards.fit import FittedClassifier, refit
from hilctl.rewards.training import train_heads


def ignore(fitted: FittedClassifier) -> None:
    """Do nothing with a new version."""


class OnlineClassifier:
    """Add judged frames to a classifier's memory and re-fit its heads.

    Args:
        fitted: the classifier to start from.
        seed: of the batches; each version draws its own.
        background: re-fit in a thread; otherwise `refit` returns when it is done, and a seed
            gives the same classifier every time.
        publish: called with each new version, from the thread that made it.
    """

    def __init__(
        self,
        fitted: FittedClassifier,
        *,
        seed: int = 0,
        background: bool = False,
        publish: Callable[[FittedClassifier], None] = ignore,
    ) -> None:
        self._fitted = fitted
        self._seed = seed
        self._publish = publish
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(1, "classifier") if background else None
        self._jobs: list[Future[None]] = []
        self._added = 0
        self._reason = ""
        # compile now rather than at the first veto
        train_heads(fitted.model.heads, fitted.memory, 1, np.random.default_rng(seed))

    @property
    def fitted(self) -> FittedClassifier:
        """The newest version."""
        return self._fitted

    def add(self, features: Mapping[str, NDArray[Any]], *, success: bool, reason: str) -> None:
        """Add frames of one episode that the operator has judged.

        Args:
            features: camera → (n, rows, columns, channels) encoder features.
            success: what they really show.
            reason: "veto" or "claim", with what a person wants to know; kept in the history.
        """
        frames = self._fitted.model.reduce(features)
        with self._lock:
            memory = self._fitted.memory.joined(frames, np.full(len(frames), success))
            self._fitted = replace(self._fitted, memory=memory)
            self._added += len(frames)
            self._reason = f"{self._reason}; {reason}" if self._reason else reason

    def refit(self) -> None:
        """Learn from what was added since the last time; do nothing when nothing was.

        Raises:
            Exception: whatever went wrong in an earlier re-fit in the background.
        """
        if self._worker is None:
            self._refit()
            return
        self._collect(self._finished())
        self._jobs.append(self._worker.submit(self._refit))

    def wait(self) -> None:
        """Return when no re-fit is under way.

        Raises:
            Exception: whatever went wrong in a re-fit in the background.
        """
        self._collect(self._jobs[:])

    def close(self) -> None:
        """Finish what is under way and stop the thread."""
        if self._worker is not None:
            self._worker.shutdown()
        self.wait()

    def _finished(self) -> list[Future[None]]:
        return [job for job in self._jobs if job.done()]

    def _collect(self, jobs: list[Future[None]]) -> None:
        for job in jobs:
            self._jobs.remove(job)
            job.result()

    def _refit(self) -> None:
        started = time.perf_counter()
        with self._lock:
            before, added, reason = self._fitted, self._added, self._reason
            self._added, self._reason = 0, ""
        if added == 0:
            return
        new = refit(before, np.random.default_rng([self._seed, before.version]))
        entry = {
            "version": new.version,
            "reason": reason,
            "added": added,
            "ms": round((time.perf_counter() - started) * 1e3),
        }
        with self._lock:  # frames may have been added meanwhile: they wait for the next re-fit
            memory = self._fitted.memory
            self._fitted = replace(new, memory=memory, history=(*before.history, entry))
        self._publish(self._fitted)
