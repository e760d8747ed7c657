"""Whole messages over a local socket, with no wait that does not end."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

STUCK_S = 10  # a peer that neither reads nor finishes a message for so long is given up

LARGEST_BYTES = 1 << 30  # of a message: more than any episode, less than all memory

Broken = (EOFError, OSError)  # what `Channel` raises when the other side is gone or stuck
Gone = (EOFError, ConnectionError)  # those of them that mean it has left, as processes do


class Channel:
    """One end of a connected socket.

    Args:
        connected: taken over.
    """

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(True)
        limit = struct.pack("ll", STUCK_S, 0)  # of single reads and writes, by the kernel
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        self._connection = Connection(connected.detach())

    @classmethod
    def connect(cls, address: Path) -> Self:
        """Return a channel to whoever listens at a path.

        Raises:
            OSError: nobody does.
        """
        with contextlib.ExitStack() as undo:
            connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            undo.callback(connecting.close)
            connecting.settimeout(STUCK_S)
            with _short(address) as name:
                connecting.connect(name)
            undo.pop_all()
        return cls(connecting)

    def send(self, message: bytes) -> None:
        """Send a message.

        Raises:
            OSError: the other side is gone, or does not read.
        """
        self._connection.send_bytes(message)

    def receive(self, timeout_s: float) -> bytes | None:
        """Return the next message, or None when none begins within `timeout_s`.

        Raises:
            EOFError, OSError: the other side is gone, stopped in the middle of a message, or
                announces one that is too long.
        """
        if not self._connection.poll(timeout_s):
            return None
        return self._connection.recv_bytes(LARGEST_BYTES)

    def close(self) -> None:
        """Hang up; idempotent."""
        self._connection.close()


@contextlib.contextmanager
def _short(address: Path) -> Iterator[str]:
    """Yield a path of a socket that fits into the 108 bytes the kernel has for one."""
    folder = os.open(address.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{address.name}"
    finally:
        os.close(folder)


class Listener:
    """Wait at a path for somebody to connect; a socket left there by the dead is removed.

    Args:
        address: of a Unix-domain socket.
    """

    def __init__(self, address: Path) -> None:
        address.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with _short(address) as name:
            self._socket.bind(name)
        self._socket.listen(1)

    def accept(self, timeout_s: float) -> Channel | None:
        """Return a channel to whoever connects, or None when nobody does within `timeout_s`."""
        self._socket.settimeout(timeout_s)
        try:
            connected, _ = self._socket.accept()
        except TimeoutError:
            return None
        return Channel(connected)

    def close(self) -> None:
        """Stop listening; idempotent."""
        self._socket.close()
