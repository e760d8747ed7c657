"""Ctrl-C: the first one asks for a stop, the second one leaves at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from hilctl.cli.prompts import confirm
from hilctl.cli.render import Output

# a session that is killed or whose line is cut must stop the robot, too
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Whether the person has asked to stop; the control loop asks it every step."""

    def __init__(self) -> None:
        self._asked = False

    def __call__(self) -> bool:
        """Return whether to stop."""
        return self._asked

    def ask(self) -> None:
        """Ask for a stop.

        Raises:
            KeyboardInterrupt: asked a second time.
        """
        if self._asked:
            raise KeyboardInterrupt
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
        stop.ask()

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def keep_interrupted(output: Output) -> bool:
    """Ask whether to keep the episode that was cut off; no when nobody can answer.

    Raises:
        KeyboardInterrupt: Ctrl-C once more.
    """
    if not output.interactive:
        return False
    return confirm(output, "the robot is stopped; keep this episode?", yes=False)
