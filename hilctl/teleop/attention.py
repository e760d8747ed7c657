"""When a supervising operator takes over: after a stall or a drift, a little late, briefly."""

from __future__ import annotations

import numpy as np

STALL_POLLS = 15
STALL_PROGRESS_M = 0.003
DRIFT_M = 0.015
REACTION_POLLS = (2, 4)
BURST_POLLS = (6, 30)  # at least, at most
RECOVERED = 0.25  # a burst ends when the way that was left at its start has shrunk to this share


class Attention:
    """Watch the distance to success, and decide poll by poll who should drive."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._history: list[float] = []
        self._reaction: int | None = None
        self._driven = 0
        self._left_at_takeover_m = 0.0

    def wants_control(self, remaining_m: float) -> bool:
        """Return whether the operator drives in this poll.

        Args:
            remaining_m: distance to success now.
        """
        if self._driven > 0:
            return self._keep_driving(remaining_m)
        self._history.append(remaining_m)
        if self._reaction is None and self._in_trouble():
            self._reaction = int(self._rng.integers(*REACTION_POLLS, endpoint=True))
        if self._reaction is not None:
            self._reaction -= 1
            if self._reaction < 0:
                self._reaction, self._driven = None, 1
                self._left_at_takeover_m = remaining_m
        return self._driven > 0

    def _keep_driving(self, remaining_m: float) -> bool:
        at_least, at_most = BURST_POLLS
        recovered = remaining_m < RECOVERED * self._left_at_takeover_m
        if self._driven >= at_most or (recovered and self._driven >= at_least):
            self._driven = 0
            self._history.clear()  # let the policy show itself before judging again
            return False
        self._driven += 1
        return True

    def _in_trouble(self) -> bool:
        history = self._history
        drifted = history[-1] > min(history) + DRIFT_M
        stalled = (
            len(history) > STALL_POLLS
            and min(history[:-STALL_POLLS]) - min(history[-STALL_POLLS:]) < STALL_PROGRESS_M
        )
        return drifted or stalled
