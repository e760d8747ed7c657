"""The terminal as a device: keys as they are pressed, and the terminal given back as it was.

Several processes share one terminal: one draws, another reads keys. Its modes belong to the
terminal and not to a process, so whoever changes them may die and leave them changed: the process
that the person started remembers them (`given_back`).
"""

from __future__ import annotations

import os
import re
import select
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

CONTROLLING = "/dev/tty"
WAIT_S = 0.1
ESCAPE_S = 0.25  # a slow line may deliver the rest of a key that much later
LOOK_S = 0.05
PASTE_MARKS_ON, PASTE_MARKS_OFF = b"\x1b[?2004h", b"\x1b[?2004l"
# Ctrl-Z, Ctrl-\, Ctrl-V and the like: a person who jogs a robot must not stop the program that
# holds it. Ctrl-C stays.
UNBOUND = ("VSUSP", "VQUIT", "VLNEXT", "VDISCARD", "VREPRINT", "VWERASE")

SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O[ -~])")
BEGUN = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|O)?")
ARROWS = {b"A": "up", b"B": "down", b"C": "right", b"D": "left"}
NAMES = {
    b"\r": "enter",
    b"\n": "enter",
    b"\t": "tab",
    b" ": "space",
    b"\x7f": "backspace",
    b"\x08": "backspace",
    b"\x03": "ctrl+c",
    b"\x04": "ctrl+c",  # the other way to leave a prompt
}
TILDES = {
    b"5": "page up",
    b"6": "page down",
    b"200": "paste",
    b"201": "paste end",
}


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
    """Return the name of a key, with or without Shift, as xterm or rxvt sends it."""
    last = sequence[-1:]
    if last == b"~":
        return TILDES.get(sequence[2:-1], "unknown")
    if last in b"abcd" and sequence[1:2] == b"[":
        return f"shift+{ARROWS[last.upper()]}"
    if last not in ARROWS:
        return "unknown"
    return f"shift+{ARROWS[last]}" if sequence[2:-1] == b"1;2" else ARROWS[last]


class KeyTerminal:
    """Every key of a terminal as it is pressed, while others draw on it; Ctrl-C still interrupts.

    Args:
        path: of the terminal; `/dev/tty` is the one that the program was started in.
        take: called from a thread with the keys of one read, and the monotonic second.

    Attributes:
        lost: why there are no more keys, in words; None while all is well.
    """

    def __init__(self, path: str, take: Callable[[Sequence[str], float], None]) -> None:
        self._path, self._take = path, take
        self._fd: int | None = None
        self._lent = False
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self.lost: str | None = None

    def open(self) -> None:
        """Begin to read keys.

        Raises:
            OSError: there is no such terminal, it is taken already, or this program runs in the
                background of it, where reading would stop it.
        """
        fd = _opened(self._path)
        if any(os.path.sameopenfile(fd, other._fd) for other in _open if other._fd is not None):
            os.close(fd)
            raise OSError("another hand reads it already")
        self._before = termios.tcgetattr(fd)
        self._fd, self.lost = fd, None
        self._over.clear()
        self._begin()
        _open.append(self)
        self._thread = threading.Thread(target=self._run, name="keys", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Give the terminal back; idempotent, and nothing happens when it is gone."""
        if self._fd is None:
            return
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        _open.remove(self)
        self._give_back()
        os.close(self._fd)
        self._fd = None

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Give the terminal back for as long as somebody else asks something."""
        with self._lock:
            self._lent = True
            self._give_back()
        try:
            yield
        finally:
            with self._lock:
                with suppress(termios.error):
                    self._begin()
                self._lent = False

    def _begin(self) -> None:
        assert self._fd is not None
        # what was typed before was not meant for this
        termios.tcsetattr(self._fd, termios.TCSAFLUSH, _key_by_key(self._before))
        _write(self._fd, PASTE_MARKS_ON)

    def _give_back(self) -> None:
        assert self._fd is not None
        _write(self._fd, PASTE_MARKS_OFF)
        with suppress(termios.error):  # it has been closed
            if not is_in_background(self._fd):
                # what is still pressed is not meant for the shell
                termios.tcsetattr(self._fd, termios.TCSAFLUSH, self._before)

    def _run(self) -> None:
        keys, fd = Keys(), self._fd
        assert fd is not None
        while not self._over.is_set() and self.lost is None:
            ready = select.select([fd], [], [], LOOK_S)[0]
            with self._lock:
                if self._lent:
                    ready, keys = [], Keys()
                try:
                    data = os.read(fd, 4096) if ready else b""
                    if ready and not data:
                        raise OSError("it was closed")
                except BlockingIOError:
                    data = b""
                except OSError as error:
                    self.lost = f"its terminal is gone: {error.strerror or error}"
                    data = b""
                now_s = time.monotonic()
            if self._lent:
                self._over.wait(LOOK_S)
            elif found := keys.feed(data):
                self._take(found, now_s)


_open: list[KeyTerminal] = []


def find_terminal(path: str) -> str:
    """Return the name of a terminal whose keys can be read.

    Raises:
        OSError: there is no such terminal, or this program runs in the background of it.
    """
    fd = _opened(path)
    try:
        return os.ttyname(fd)
    finally:
        os.close(fd)


def _opened(path: str) -> int:
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not os.isatty(fd):
            raise OSError("it is no terminal")
        if is_in_background(fd):
            raise OSError("hilctl runs in the background of it")
    except OSError:
        os.close(fd)
        raise
    return fd


@contextmanager
def lent_terminal() -> Iterator[None]:
    """Let a question be asked in the terminal whose keys are read in this process."""
    with ExitStack() as stack:
        for terminal in list(_open):
            stack.enter_context(terminal.lent())
        yield


@contextmanager
def given_back() -> Iterator[None]:
    """Give the controlling terminal back as it is now, whoever changed it and died since."""
    try:
        fd = os.open(CONTROLLING, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # there is none
        yield
        return
    try:
        before = termios.tcgetattr(fd)
        try:
            yield
        finally:
            with suppress(termios.error):
                _restore(fd, before)
    finally:
        os.close(fd)


def _restore(fd: int, before: list[Any]) -> None:
    if termios.tcgetattr(fd) == before or is_in_background(fd):
        return
    _write(fd, PASTE_MARKS_OFF)
    termios.tcsetattr(fd, termios.TCSAFLUSH, before)


def _key_by_key(before: list[Any]) -> list[Any]:
    during = [*before[:6], list(before[6])]
    during[0] &= ~(termios.IXON | termios.ICRNL)
    during[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
    during[3] |= termios.ISIG
    during[6][termios.VMIN], during[6][termios.VTIME] = 1, 0
    for name in UNBOUND:
        during[6][getattr(termios, name)] = b"\x00"
    return during


def is_in_background(fd: int) -> bool:
    """Return whether the kernel would stop this process for reading from its terminal."""
    try:
        return os.tcgetpgrp(fd) != os.getpgrp()
    except OSError:  # not the terminal that this process was started in
        return False


def _write(fd: int, data: bytes) -> None:
    with suppress(OSError):
        os.write(fd, data)
