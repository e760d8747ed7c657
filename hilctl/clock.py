"""Time as a dependency: control code asks a clock, so simulated time is as good as real time."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Tell and wait for monotonic time."""

    def now_ns(self) -> int:
        """Return monotonic nanoseconds."""
        ...

    def sleep_until(self, stamp_ns: int) -> None:
        """Return when `now_ns() >= stamp_ns`; at once if that has passed."""
        ...


class SystemClock:
    """Monotonic wall-clock time."""

    def now_ns(self) -> int:
        """Return monotonic nanoseconds."""
        return time.monotonic_ns()

    def sleep_until(self, stamp_ns: int) -> None:
        """Sleep until the monotonic clock reads `stamp_ns`."""
        remaining_ns = stamp_ns - time.monotonic_ns()
        if remaining_ns > 0:
            time.sleep(remaining_ns * 1e-9)
