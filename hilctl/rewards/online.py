"""Veto and confirm: a classifier that learns from the operator's objections while training runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl.rewards.base import RewardCorrector
from hilctl.rewards.fit import FittedClassifier, refit
from hilctl.rewards.model import SuccessModel
from hilctl.rewards.training import train_heads


def ignore(fitted: FittedClassifier) -> None:
    """Do nothing with a new version."""


class OnlineClassifier(RewardCorrector):
    """Add judged frames to a classifier's memory and re-fit its heads.

    Args:
        fitted: the classifier to start from.
        seed: of the batches; each version draws its own.
        publish: called with each new version.
    """

    def __init__(
        self,
        fitted: FittedClassifier,
        *,
        seed: int = 0,
        publish: Callable[[FittedClassifier], None] = ignore,
    ) -> None:
        self._fitted = fitted
        self._seed = seed
        self._publish = publish
        self._added = 0
        self._reason = ""
        self._sources = [source for entry in fitted.history for source in entry.get("sources", ())]
        self._new_sources: list[str] = []
        # compile now rather than at the first veto
        train_heads(fitted.model.heads, fitted.memory, 1, np.random.default_rng(seed))

    @property
    def version(self) -> int:
        """Counts up with each re-fit."""
        return self._fitted.version

    @property
    def model(self) -> SuccessModel:
        """The newest."""
        return self._fitted.model

    @property
    def fitted(self) -> FittedClassifier:
        """The newest version."""
        return self._fitted

    def add(
        self, features: Mapping[str, NDArray[Any]], *, success: bool, reason: str, source: str
    ) -> None:
        """Add frames of one episode that the operator has judged, once."""
        if source in self._sources:
            return
        self._sources.append(source)
        self._new_sources.append(source)
        frames = self._fitted.model.reduce(features)
        memory = self._fitted.memory.joined(frames, np.full(len(frames), success))
        self._fitted = replace(self._fitted, memory=memory)
        self._added += len(frames)
        self._reason = f"{self._reason}; {reason}" if self._reason else reason

    def refit(self) -> None:
        """Learn from what was added since the last time; do nothing when nothing was."""
        if self._added == 0:
            return
        started = time.perf_counter()
        before = self._fitted
        new = refit(before, np.random.default_rng([self._seed, before.version]))
        entry = {
            "version": new.version,
            "reason": self._reason,
            "added": self._added,
            "sources": self._new_sources,
            "false_positive_rate": round(new.false_positive_rate, 4),
            "ms": round((time.perf_counter() - started) * 1e3),
        }
        self._added, self._reason, self._new_sources = 0, "", []
        self._fitted = replace(new, history=(*before.history, entry))
        self._publish(self._fitted)
