"""Vendors' calls that may wait for ever, waited for only so long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

R = TypeVar("R")


class _Call(Generic[R]):
    """One call in a thread of its own, and what came of it."""

    def __init__(self, work: Callable[[], R]) -> None:
        self._work: Callable[[], R] | None = work
        self.result: R | None = None
        self.error: BaseException | None = None
        self._late = threading.Event()

    def run(self) -> None:
        work, self._work = self._work, None
        assert work is not None
        try:
            self.result = work()
        except BaseException as error:
            self.error = error
        if self._late.is_set():  # nobody wants it any more: let go of what it holds
            self.result = None

    def give_up(self) -> None:
        self._late.set()
        self.result = None


def within(limit_s: float, work: Callable[[], R]) -> R:
    """Return what a call returns, or raise what it raises.

    What comes too late is dropped when it comes; until then its thread waits, and keeps nobody
    from leaving.

    Args:
        limit_s: how long to wait at most.
        work: the call; it must let other threads run while it waits.

    Raises:
        TimeoutError: it takes longer.
    """
    call = _Call(work)
    del work  # an error of here is kept, and would keep a connection open that the call is one of
    thread = threading.Thread(target=call.run, name="vendor's call", daemon=True)
    thread.start()
    thread.join(limit_s)
    if thread.is_alive():
        call.give_up()
        raise TimeoutError(f"no answer within {limit_s:g} s")
    if call.error is not None:
        raise call.error
    result, call.result = call.result, None
    return result  # type: ignore[return-value]
