"""Stop arms whose control loop stalls, and at once when a person asks for it.

The loop looks at a person's wish once a period, and not at all while an arm goes to a start, or
while it waits for something else; a thread of its own does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Self

from hilctl.clock import Clock
from hilctl.env.guard import Guard
from hilctl.errors import DeviceError, TravelStoppedError

STALLED_PERIODS = 3
LOOK_S = 0.005
AGAIN_S = 0.05  # after a stop that has failed


class Watchdog:
    """Watch a control loop from a thread.

    Args:
        hold: stops all arms; called from that thread, again and again while it fails.
        period_s: of the loop.
        clock: that the loop goes by.
        asked_to_stop: whether a person wants an end; asked from that thread.
        guards: that are told of every sign of life, too.
    """

    def __init__(
        self,
        hold: Callable[[], None],
        period_s: float,
        clock: Clock,
        asked_to_stop: Callable[[], bool],
        guards: Sequence[Guard] = (),
    ) -> None:
        self._hold, self._clock, self._asked_to_stop = hold, clock, asked_to_stop
        self._limit_ns = round(STALLED_PERIODS * period_s * 1e9)
        self._guards = guards
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._beat_ns: int | None = None  # None = the arms are at rest
        self._travels = False
        self._has_held = self._has_failed = False
        self._stalled_s = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join(1.0)

    def beat(self) -> None:
        """Say that the arms were sent something, and more is due.

        Raises:
            DeviceError: a guard has died.
        """
        for guard in self._guards:
            if not guard.is_alive:
                raise DeviceError(
                    "the process that would hold the arm in case of need has died",
                    hint="run the command again; its last words are above",
                )
            guard.beat()
        with self._lock:
            self._beat_ns, self._has_held = self._clock.now_ns(), False
            self._has_failed = False

    def rest(self) -> None:
        """Say that the arms were stopped."""
        for guard in self._guards:
            guard.rest()
        with self._lock:
            self._beat_ns, self._has_failed = None, False

    @contextmanager
    def travelling(self) -> Iterator[None]:
        """An arm moves by itself until this is over: nothing is due, but a person may want a stop.

        Raises:
            TravelStoppedError: a person wanted a stop, and the arm was stopped on its way.
        """
        for guard in self._guards:
            guard.travel()
        with self._lock:
            self._beat_ns, self._travels = None, True
            self._has_held = self._has_failed = False
        try:
            yield
        except DeviceError:
            if self._has_held:
                raise TravelStoppedError("the arm was stopped on its way") from None
            raise
        finally:
            with self._lock:
                self._travels = False
        if self._has_held:
            raise TravelStoppedError("the arm was stopped on its way")

    def stalled_s(self) -> float:
        """Return for how long the loop stalled when the arms were stopped, once; else 0."""
        with self._lock:
            stalled_s, self._stalled_s = self._stalled_s, 0.0
        return stalled_s

    def _run(self) -> None:
        while not self._over.wait(AGAIN_S if self._has_failed else LOOK_S):
            with self._lock:
                moves = self._beat_ns is not None or self._travels
                late_ns = 0 if self._beat_ns is None else self._clock.now_ns() - self._beat_ns
                again, due = self._has_failed, moves and not self._has_held
            stalled = due and late_ns > self._limit_ns
            if again or stalled or (due and self._asked_to_stop()):
                self._has_held = True  # first: whoever travels may notice the stop at once
                failed = not self._held()
                with self._lock:
                    self._has_held, self._has_failed = True, failed
                    if stalled:
                        self._stalled_s, self._beat_ns = late_ns * 1e-9, None

    def _held(self) -> bool:
        """Hold the arms; return whether that is done, else it is tried again."""
        try:
            self._hold()
        except Exception:  # who waits for an answer of the arm is told there
            return False
        return True
