"""Signals that raise: never where that does harm, and never in vain."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType

RETRY_S = 0.05

Handler = Callable[[int, FrameType | None], None]


def raising(make: Callable[[], BaseException]) -> Handler:
    """Return a handler that raises, but never inside an import: native modules do not survive that.

    It is to handle SIGALRM, too, which brings the signal back once the import may be over.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        while frame is not None:
            if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
                signal.setitimer(signal.ITIMER_REAL, RETRY_S)
                return
            frame = frame.f_back
        raise make()

    return handle


def raise_again(kind: type[BaseException]) -> None:
    """From now on SIGALRM brings an exception back that was raised where exceptions are dropped.

    That is in callbacks of the garbage collector, in those of weak references and in `__del__`;
    JAX has one that is called whenever garbage is collected.
    """

    def look(unraisable: sys.UnraisableHookArgs) -> None:
        if issubclass(unraisable.exc_type, kind):
            signal.setitimer(signal.ITIMER_REAL, RETRY_S)
        else:
            sys.__unraisablehook__(unraisable)

    sys.unraisablehook = look
