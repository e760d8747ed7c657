"""Ctrl-C: the first one asks for a stop, the second one leaves at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from hilctl.interrupts import raise_again, raising

# a session that is killed or whose line is cut must stop the robot, too
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOPPING = b"\nstopping, and saving what there is; once more to leave at once\n"

interrupt_between_imports = raising(KeyboardInterrupt)


class Stop:
    """Whether the person has asked to stop; the control loop asks it every step."""

    def __init__(self) -> None:
        self._asked = False

    def __call__(self) -> bool:
        """Return whether to stop."""
        return self._asked

    def ask(self) -> None:
        """Ask for a stop."""
        self._asked = True

    def leave_if_interrupted(self) -> None:
        """Leave the command with the exit code of an interruption, once all is saved.

        Raises:
            KeyboardInterrupt: a stop was asked for.
        """
        if self._asked:
            raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Stop]:
    """Turn the signals that end a session into a request to stop; a second one interrupts."""
    stop = Stop()

    def handle(number: int, frame: FrameType | None) -> None:
        if stop():
            interrupt_between_imports(number, frame)
        elif os.isatty(2):
            os.write(2, STOPPING)
        stop.ask()

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def watch_for_interrupts() -> None:
    """From now on Ctrl-C raises KeyboardInterrupt, wherever that can do no harm."""
    signal.signal(signal.SIGINT, interrupt_between_imports)
    signal.signal(signal.SIGALRM, interrupt_between_imports)
    raise_again(KeyboardInterrupt)


def ignore_interrupts() -> None:
    """From now on nothing is worth interrupting: all is said and saved."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0)
