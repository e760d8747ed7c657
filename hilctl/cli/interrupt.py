"""Ctrl-C: the first one asks for a stop, the second one leaves at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from hilctl.interrupts import raise_again, raising

# a session that is killed or whose line is cut must stop the robot, too
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOPPING = "stopping the robot, then saving what there is; Ctrl-C once more leaves at once"

interrupt_between_imports = raising(KeyboardInterrupt)


class StopRequest:
    """Whether the person has asked to stop; the control loop asks it every step."""

    def __init__(self) -> None:
        self._asked = False

    def __call__(self) -> bool:
        """Return whether to stop."""
        return self._asked

    def ask(self) -> None:
        """Ask for a stop."""
        self._asked = True

    def leave_if_interrupted(self, step: str | None = None) -> None:
        """Leave the command with the exit code of an interruption, once all is saved.

        Args:
            step: the command that comes next; None = the same one.

        Raises:
            KeyboardInterrupt: a stop was asked for.
        """
        if self._asked:
            raise KeyboardInterrupt(*filter(None, [step]))


_in_force: list[StopRequest] = []  # one at most: signals are the process's


def is_stopping() -> bool:
    """Return whether a stop was asked for; views say so, each in its own way."""
    return any(stop() for stop in _in_force)


@contextmanager
def interruptible(step: str | None = None) -> Iterator[StopRequest]:
    """Turn the signals that end a session into a request to stop; a second one interrupts.

    Args:
        step: the command that comes next after an interruption; None = the same one.
    """
    stop = StopRequest()

    def handle(number: int, frame: FrameType | None) -> None:
        if stop():
            interrupt_between_imports(number, frame)
        stop.ask()

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    _in_force.append(stop)
    try:
        yield stop
    except KeyboardInterrupt as left:
        left.args = left.args or tuple(filter(None, [step]))
        raise
    finally:
        _in_force.remove(stop)
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
