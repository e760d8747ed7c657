"""Time as a dependency: control code asks a clock, so simulated time is as good as real time."""

from __future__ import annotations

import time
from typing import Protocol

# awake so long before the moment: on busy cores, waking took up to 5.5 ms more
AWAKE_NS = 6_000_000


class Clock(Protocol):
    """Tell and wait for monotonic time."""

    def now_ns(self) -> int:
        """Return monotonic nanoseconds."""
        ...

    def sleep_until(self, stamp_ns: int) -> None:
        """Return when `now_ns() >= stamp_ns`; at once if that has passed."""
        ...


class PacedClock:
    """Simulated time that does not run ahead of real time.

    The simulated world moves only while somebody sleeps; between two sleeps it waits, whatever
    real time passes.

    Args:
        simulated: its `sleep_until` makes the world move.
        real: kept in step with.
    """

    def __init__(self, simulated: Clock, real: Clock) -> None:
        self._simulated, self._real = simulated, real
        self._ahead_ns = simulated.now_ns() - real.now_ns()

    def now_ns(self) -> int:
        """Return the time that has really passed, or the simulated one where that is later."""
        return max(self._simulated.now_ns(), self._real.now_ns() + self._ahead_ns)

    def sleep_until(self, stamp_ns: int) -> None:
        """Move the world up to `stamp_ns`, then wait until that moment has really come."""
        self._simulated.sleep_until(stamp_ns)
        self._real.sleep_until(stamp_ns - self._ahead_ns)


class SteppedClock:
    """Time of a world that moves only when it is stepped: it passes when somebody sleeps.

    Args:
        real: a sleep takes at least as long on it; None = it takes no time.
    """

    def __init__(self, real: Clock | None = None) -> None:
        self._now_ns, self._real = 0, real
        self._due_ns = real.now_ns() if real else 0

    def now_ns(self) -> int:
        """Return the nanoseconds that were slept."""
        return self._now_ns

    def sleep_until(self, stamp_ns: int) -> None:
        """Make it `stamp_ns`; work since the last sleep counts as part of this one."""
        if stamp_ns <= self._now_ns:
            return
        slept_ns, self._now_ns = stamp_ns - self._now_ns, stamp_ns
        if self._real is not None:
            self._due_ns = max(self._due_ns + slept_ns, self._real.now_ns())
            self._real.sleep_until(self._due_ns)


class SystemClock:
    """Monotonic wall-clock time."""

    def now_ns(self) -> int:
        """Return monotonic nanoseconds."""
        return time.monotonic_ns()

    def sleep_until(self, stamp_ns: int) -> None:
        """Sleep until the monotonic clock reads `stamp_ns`; watch it for the last bit."""
        remaining_ns = stamp_ns - time.monotonic_ns()
        if remaining_ns > AWAKE_NS:
            time.sleep((remaining_ns - AWAKE_NS) * 1e-9)
        while time.monotonic_ns() < stamp_ns:
            pass
