"""A terminal taken over whole: every key as it is pressed, and another screen."""

from __future__ import annotations

import os
import re
import select
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

WAIT_S = 0.1
ESCAPE_S = 0.25  # a slow line may deliver the rest of a key that much later

TAKE_OVER = "\x1b[?1049h\x1b[?25l\x1b[2J"  # alternate screen, no cursor, clear
GIVE_BACK = "\x1b[0m\x1b[?25h\x1b[?1049l"
SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O[ -~])")
BEGUN = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|O)?")
ARROWS = {b"A": "up", b"B": "down", b"C": "right", b"D": "left"}
NAMES = {
    b"\r": "enter",
    b"\n": "enter",
    b"\t": "tab",
    b" ": "space",
    b"\x03": "ctrl+c",
    b"\x04": "ctrl+c",  # the other way to leave a prompt
}


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


class Keys:
    """Names of the keys that a terminal sends; their bytes may arrive in pieces."""

    def __init__(self) -> None:
        self._bytes = b""
        self._since_s = 0.0

    def read(self, fd: int) -> list[str]:
        """Wait for keys, not for long; a terminal that is gone counts as leaving."""
        if not select.select([fd], [], [], WAIT_S)[0]:
            return self.feed(b"")
        try:
            data = os.read(fd, 4096)
        except OSError:
            data = b""
        return self.feed(data) if data else ["escape"]

    def feed(self, data: bytes) -> list[str]:
        """Return the keys that are complete with these bytes; none = nothing came for a while."""
        if data:
            self._bytes += data
            self._since_s = time.monotonic()
        keys = []
        while self._bytes and (found := self._first()):
            length, key = found
            self._bytes = self._bytes[length:]
            keys.append(key)
        return keys

    def _first(self) -> tuple[int, str] | None:
        """Return the first key and how many bytes it takes, or None while it is incomplete."""
        if found := SEQUENCE.match(self._bytes):
            return found.end(), _named(found[0])
        if BEGUN.fullmatch(self._bytes):
            if time.monotonic() < self._since_s + ESCAPE_S:
                return None
            return len(self._bytes), "escape" if len(self._bytes) == 1 else "unknown"
        first = self._bytes[:1]
        return 1, "escape" if first == b"\x1b" else NAMES.get(
            first, first.decode("ascii", "replace")
        )


def _named(sequence: bytes) -> str:
    """Return the name of an arrow, with or without Shift, as xterm or rxvt sends it."""
    last = sequence[-1:]
    if last in b"abcd" and sequence[1:2] == b"[":
        return f"shift+{ARROWS[last.upper()]}"
    if last not in ARROWS:
        return "unknown"
    return f"shift+{ARROWS[last]}" if sequence[2:-1] == b"1;2" else ARROWS[last]


def write(stream: TextIO, text: str) -> None:
    """Write text to a terminal at once; nothing when it is gone: whoever reads keys will notice.

    Past the stream, which would try again, in vain, when Python ends.
    """
    data = text.encode()
    with suppress(OSError):
        while data:
            data = data[os.write(stream.fileno(), data) :]
