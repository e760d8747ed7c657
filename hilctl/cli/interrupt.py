"""Ctrl-C: the first one asks for a stop, the second one leaves at once."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from hilctl.errors import TravelStoppedError
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
    handled = 0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal handled
        handled += 1
        stop.ask()
        if handled > 1:
            interrupt_between_imports(number, frame)

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    _in_force.append(stop)
    try:
        with _heard_at_once(stop):
            yield stop
    except KeyboardInterrupt as left:
        left.args = left.args or tuple(filter(None, [step]))
        raise
    except TravelStoppedError:
        raise KeyboardInterrupt(*filter(None, [step])) from None
    finally:
        _in_force.remove(stop)
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _heard_at_once(stop: StopRequest) -> Iterator[None]:
    """Let a thread hear of signals, too: Python's handlers wait while a library is at work."""
    ears, mouth = socket.socketpair()
    mouth.setblocking(False)

    def listen() -> None:
        while told := ears.recv(64):
            if any(number in SIGNALS for number in told):
                stop.ask()

    thread = threading.Thread(target=listen, name="signals", daemon=True)
    before = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        mouth.close()
        thread.join(1.0)
        ears.close()


@contextmanager
def last_words() -> Iterator[None]:
    """Let one more signal pass by: who is leaving still says what comes next; two leave at once."""
    passed = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal passed
        if passed:
            interrupt_between_imports(number, frame)
        passed = True

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    if signal.getsignal(signal.SIGALRM) is interrupt_between_imports:
        signal.setitimer(signal.ITIMER_REAL, 0)  # it would bring the first one again
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def watch_for_interrupts() -> None:
    """From now on Ctrl-C raises KeyboardInterrupt, wherever that can do no harm.

    So do signals that would end the process at once: a robot is to be stopped first.
    """
    for number in (*SIGNALS, signal.SIGALRM):
        signal.signal(number, interrupt_between_imports)
    raise_again(KeyboardInterrupt)


def ignore_interrupts() -> None:
    """From now on nothing is worth interrupting: all is said and saved."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, 0)
