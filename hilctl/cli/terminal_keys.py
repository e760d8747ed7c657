"""A terminal taken over whole: every key as it is pressed, and another screen."""

from __future__ import annotations

import os
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from hilctl.terminal import is_in_background

TAKE_OVER = "\x1b[?1049h\x1b[?25l\x1b[2J"  # alternate screen, no cursor, clear
GIVE_BACK = "\x1b[0m\x1b[?25h\x1b[?1049l"


@contextmanager
def taken_over(fd: int, stream: TextIO) -> Iterator[None]:
    """Deliver keys one by one and show another screen, and give both back whatever happens."""
    before = termios.tcgetattr(fd)
    during = termios.tcgetattr(fd)
    stream.flush()
    during[0] &= ~(termios.IXON | termios.ICRNL)
    during[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG)
    during[6][termios.VMIN], during[6][termios.VTIME] = 1, 0
    try:
        # what was typed before was not meant for this
        termios.tcsetattr(fd, termios.TCSAFLUSH, during)
        write(stream, TAKE_OVER)
        yield
    finally:
        with suppress(termios.error):  # it has been closed
            termios.tcsetattr(fd, termios.TCSAFLUSH, before)
        write(stream, GIVE_BACK)


@contextmanager
def without_carets() -> Iterator[None]:
    """Keep the terminal from writing ^C where a view is drawn.

    Beside a panel as wide as the screen it goes on to the next line, and the view is torn there.
    """
    fd = 0
    if not os.isatty(fd) or is_in_background(fd):
        yield
        return
    before, during = termios.tcgetattr(fd), termios.tcgetattr(fd)
    during[3] &= ~termios.ECHOCTL
    termios.tcsetattr(fd, termios.TCSANOW, during)
    try:
        yield
    finally:
        with suppress(termios.error, OSError):  # it has been closed
            if not is_in_background(fd):
                termios.tcsetattr(fd, termios.TCSANOW, before)


def write(stream: TextIO, text: str) -> None:
    """Write text to a terminal at once; nothing when it is gone: whoever reads keys will notice.

    Past the stream, which would try again, in vain, when Python ends.
    """
    data = text.encode()
    with suppress(OSError):
        while data:
            data = data[os.write(stream.fileno(), data) :]
