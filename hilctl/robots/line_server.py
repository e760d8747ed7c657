"""Servers of robots and grippers that take a line of text and answer with one."""

from __future__ import annotations

import socket
import time

from hilctl.errors import DeviceError
from hilctl.host_names import HostNameError, connected

MOST_BYTES = 4096


class LineServer:
    """A connection on which every line is answered within a time limit.

    Args:
        name: of the server, for messages.
        host: of the server.
        port: of the server.
        limit_s: for the connection, and for each answer.
        greets: it sends a line first.

    Raises:
        DeviceError: it cannot be reached.
    """

    def __init__(
        self, name: str, host: str, port: int, limit_s: float, *, greets: bool = False
    ) -> None:
        self._name, self._where, self._limit_s = name, f"{host}:{port}", limit_s
        try:
            self._socket = connected(host, port, limit_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except HostNameError as error:
            message = f"the {name} cannot be reached: {error.message}"
            raise DeviceError(message, where=self._where, hint=error.hint) from None
        except OSError as error:
            raise self._fault(error) from error
        if greets:
            self._receive()

    def ask(self, line: str) -> str:
        """Return the answer to a line.

        Raises:
            DeviceError: there is none in time.
        """
        try:
            self._socket.sendall(f"{line}\n".encode("ascii"))
        except OSError as error:
            raise self._fault(error) from error
        return self._receive()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _receive(self) -> str:
        """Return a line, or what came in one piece without its end, as some servers answer."""
        deadline_s, text = time.monotonic() + self._limit_s, b""
        while not text.endswith((b"\n", b"ack")):
            try:
                self._socket.settimeout(max(0.001, deadline_s - time.monotonic()))
                got = self._socket.recv(MOST_BYTES)
            except OSError as error:
                raise self._fault(error) from error
            text += got
            if not got or len(text) > MOST_BYTES or time.monotonic() > deadline_s:
                raise self._fault(OSError("it has hung up" if not got else "no end of its answer"))
        return text.decode("ascii", "replace").strip()

    def _fault(self, error: OSError) -> DeviceError:
        why = "no answer in time" if isinstance(error, TimeoutError) else str(error)
        return DeviceError(
            f"the {self._name} does not answer: {why}",
            where=self._where,
            hint="is it switched on, and its address in task.yaml right? then: hilctl doctor",
        )
