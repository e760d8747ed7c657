"""How long calls take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def timed_ms(call: Callable[[], Any], repeats: int) -> list[float]:
    """Return the milliseconds of each repeat, after one call that compiles."""
    call()
    return [_seconds(call) * 1e3 for _ in range(repeats)]


def in_turn_s(
    calls: Mapping[str, Callable[[], Any]], rounds: int
) -> dict[str, NDArray[np.float64]]:
    """Return name → (rounds,) s of each call; they take turns, as a machine's speed drifts.

    A round before the first one warms up, and compiles.
    """
    times_s = [{name: _seconds(call) for name, call in calls.items()} for _ in range(rounds + 1)]
    return {name: np.array([times[name] for times in times_s[1:]]) for name in calls}


def _seconds(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
