"""Progress line by line, where there is no live view: steady, and never silent for long."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from hilctl.cli.interrupt import STOPPING, is_stopping
from hilctl.cli.render import Output

if TYPE_CHECKING:
    from hilctl.pipeline.events import Event

PACE_S = 5.0  # between two lines that count
QUIET_S = 30.0  # without a line, then it says what it is still at
LOOK_S = 0.2

# events that stay on the screen
LASTING = {"device", "stage", "phase", "method", "outcome", "diagnosis", "death", "link"}
SEEN = "seen"
PASSING = {"process", "moving", "guide", "hand"}  # of no interest once the next one is there


class LineProgress:
    """Tell events as lines: what lasts at once, what counts at a steady pace.

    Args:
        output: of the command.
        pace_s: between two lines that count; the last of a series is never left out.
        quiet_s: after so long without a line the last event is repeated, with the time.
    """

    def __init__(self, output: Output, *, pace_s: float = PACE_S, quiet_s: float = QUIET_S) -> None:
        self._output = output
        self._pace_s, self._quiet_s = pace_s, quiet_s
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._clock: threading.Thread | None = None
        self._started = self._told = time.monotonic()
        self._waiting: str | None = None
        self._last = ""
        self._stop_is_told = False

    def __enter__(self) -> Self:
        self._clock = threading.Thread(target=self._run, daemon=True, name="lines")
        self._clock.start()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._over.set()
        if self._clock is not None:
            self._clock.join(2 * LOOK_S)
        with self._lock:
            if self._waiting is not None:
                self._say(self._waiting)

    def report(self, event: Event) -> None:
        """Tell one event, now or later; pictures are none."""
        if event.name == SEEN:
            return
        with self._lock:
            self._last = event.text
            if event.name in PASSING:
                return
            counts = event.total is not None and event.name not in LASTING
            is_last = counts and event.done is not None and event.done >= (event.total or 0)
            if counts and not is_last and not self._is_due(self._pace_s):
                self._waiting = event.text
            else:
                self._say(event.text)

    def _run(self) -> None:
        with suppress(OSError):  # nobody reads any more: the command itself will notice
            while not self._over.wait(LOOK_S):
                with self._lock:
                    self._look()

    def _look(self) -> None:
        if is_stopping() and not self._stop_is_told:
            self._stop_is_told = True
            self._output.say(STOPPING)
        if self._waiting is not None and self._is_due(self._pace_s):
            self._say(self._waiting)
        elif self._last and self._is_due(self._quiet_s):
            seconds = int(time.monotonic() - self._started)
            self._say(f"still at work after {seconds // 60}:{seconds % 60:02d}: {self._last}")

    def _is_due(self, pause_s: float) -> bool:
        return time.monotonic() - self._told >= pause_s

    def _say(self, text: str) -> None:
        self._waiting, self._told = None, time.monotonic()
        self._output.say(text)
