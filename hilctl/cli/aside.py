"""Drawing in a thread of its own: a slow terminal must not hold up the robot."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from hilctl.pipeline.events import Event

KEPT = 1000  # events of a terminal that takes none; the oldest are dropped
PATIENCE_S = 5.0  # until the last of them is drawn


class Aside:
    """Pass events on to whoever draws them, and return at once.

    Over a slow line a write waits until the line has taken it; the loop of a robot reports, too.

    Args:
        draw: takes one event, always in the same thread.
    """

    def __init__(self, draw: Callable[[Event], None]) -> None:
        self._draw = draw
        self._events: queue.Queue[Event | None] = queue.Queue(KEPT)
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._serve, name="drawing", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._put(None)
        self._thread.join(PATIENCE_S)

    def report(self, event: Event) -> None:
        """Have an event drawn, soon.

        Raises:
            OSError: the terminal takes nothing any more.
            Exception: whatever else drawing failed with.
        """
        if self._failure is not None:
            raise self._failure
        self._put(event)

    def _put(self, event: Event | None) -> None:
        while True:
            try:
                return self._events.put_nowait(event)
            except queue.Full:
                with contextlib.suppress(queue.Empty):  # it was drawn meanwhile
                    self._events.get_nowait()

    def _serve(self) -> None:
        while (event := self._events.get()) is not None:
            try:
                self._draw(event)
            except Exception as error:  # told to whoever reports, whose thread can end in words
                self._failure = error
                return
