"""Questions to a robot server over HTTP, each answered or given up within a time limit."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from hilctl.errors import DeviceError
from hilctl.host_names import HostNameError, address_of, connected

CLOSE_S = 2.0
LARGEST_BYTES = 1 << 20  # of an answer: a state has 2 kB

MEND_ADDRESS = "see that the robot server runs there, and that its url in task.yaml is right"
MEND_NETWORK = "see that its computer is up and the network in order"
MEND_SERVER = "its own terminal says why"


def check_url(url: str) -> str:
    """Return the address of a robot server without a slash at its end.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError("expected an address as http://127.0.0.1:5000")
    _ = parts.port  # raises for one that is no number or too large
    return f"http://{parts.netloc}"


class SerlClient:
    """One connection to a robot server, kept open from question to question; for any thread.

    Args:
        url: of the server, "http://host:port".
    """

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        self._connection = _TimedConnection(parts.hostname or "", parts.port)
        self._turn = threading.Lock()

    def look_up(self) -> None:
        """Have the name of the server's host looked up, which may take longer than a question.

        Raises:
            DeviceError: it is not known, or nobody says.
        """
        try:
            address_of(self._connection.host)
        except HostNameError as error:
            raise self._nameless(error) from None

    def ask(self, route: str, content: Any = None, *, limit_s: float) -> Any:
        """Return the JSON that a route answers with.

        Args:
            route: without the slash at its front.
            content: sent as JSON; None = nothing.
            limit_s: for all of it, connecting included.

        Raises:
            DeviceError: there is no such answer in time.
        """
        body = self._exchange(route, content, limit_s, again=True)
        try:
            return json.loads(body)
        except ValueError:  # of JSON and of UTF-8
            raise self._trouble(f"answered {route} with what is no JSON", MEND_SERVER) from None

    def tell(self, route: str, content: Any = None, *, limit_s: float, again: bool = True) -> None:
        """Have a route do something, whatever words it answers with.

        Args:
            route: without the slash at its front.
            content: sent as JSON; None = nothing.
            limit_s: for all of it, connecting included.
            again: it does no harm if it is done twice.

        Raises:
            DeviceError: it is not done in time.
        """
        self._exchange(route, content, limit_s, again)

    def close(self) -> None:
        """Hang up; whoever waits for an answer gets none. Idempotent."""
        self._connection.hang_up()
        if self._turn.acquire(timeout=CLOSE_S):
            self._connection.close()
            self._turn.release()

    def _exchange(self, route: str, content: Any, limit_s: float, again: bool) -> bytes:
        deadline_s = time.monotonic() + limit_s
        if not self._turn.acquire(timeout=limit_s):
            raise self._trouble(f"had no time for {route} within {limit_s:g} s", MEND_SERVER)
        try:
            self._connection.deadline_s = deadline_s
            return self._posted(route, content, again and self._connection.is_kept)
        except HostNameError as error:
            raise self._nameless(error) from None
        except TimeoutError:
            how = f"did not answer {route} within {limit_s:g} s"
            raise self._trouble(how, MEND_NETWORK) from None
        except ConnectionRefusedError:
            raise self._trouble("cannot be reached: connection refused", MEND_ADDRESS) from None
        except ConnectionError:
            raise self._trouble(f"hung up during {route}", MEND_SERVER) from None
        except http.client.IncompleteRead:
            raise self._trouble(f"sent half of its answer to {route}", MEND_SERVER) from None
        except http.client.HTTPException as error:
            what = f"answered {route} with what is no HTTP: {error!r}"
            raise self._trouble(what, MEND_ADDRESS) from None
        except OSError as error:
            how = f"cannot be reached: {error.strerror or error}"
            raise self._trouble(how, MEND_ADDRESS) from None
        finally:
            self._turn.release()

    def _posted(self, route: str, content: Any, again: bool) -> bytes:
        try:
            status, reason, body = self._connection.post(f"/{route}", content)
        except ConnectionError:  # one that was kept open may have been closed meanwhile
            if not again:
                raise
            return self._posted(route, content, again=False)
        if status != http.client.OK:
            raise HttpStatusError(self.url, route, status, reason)
        return body

    def _nameless(self, error: HostNameError) -> DeviceError:
        return self._trouble(f"cannot be reached: {error.message}", error.hint or MEND_ADDRESS)

    def _trouble(self, how: str, hint: str) -> DeviceError:
        return DeviceError(f"the robot server at {self.url} {how}", hint=hint)


class HttpStatusError(DeviceError):
    """A robot server answered, but not with what was asked for.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, url: str, route: str, status: int, reason: str) -> None:
        message = f"the robot server at {url} answered {route} with {status} {reason}".rstrip()
        hint = "its own terminal says why: it may have no word of the robot yet, or no such gripper"
        if status == http.client.NOT_FOUND:
            hint = "is that a robot server, and one that has this route?"
        super().__init__(message, hint=hint)
        self.status = status


class _TimedConnection(http.client.HTTPConnection):
    """A connection all of whose reads and writes share one deadline."""

    deadline_s = 0.0

    @property
    def is_kept(self) -> bool:
        """Whether it is open since an earlier question."""
        return self.sock is not None

    @property
    def left_s(self) -> float:
        """Seconds until the deadline.

        Raises:
            TimeoutError: it has passed.
        """
        left_s = self.deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        return left_s

    def connect(self) -> None:
        """Connect within the deadline."""
        plain = connected(self.host, self.port, self.left_s)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = _TimedSocket.of(plain, self)

    def post(self, path: str, content: Any) -> tuple[int, str, bytes]:
        """Return status, reason and body of the answer; whatever fails leaves it disconnected."""
        try:
            body = None if content is None else json.dumps(content).encode()
            headers = {"Content-Type": "application/json"} if body else {}
            self.request("POST", path, body or b"", headers)
            answer = self.getresponse()
            if (answer.length or 0) > LARGEST_BYTES:
                raise http.client.HTTPException(f"{answer.length} bytes")
            found = answer.read(LARGEST_BYTES)
            if len(found) == LARGEST_BYTES:
                raise http.client.HTTPException("an endless answer")
            if answer.length:
                raise http.client.IncompleteRead(found, answer.length)
        except BaseException:
            self.close()
            raise
        return answer.status, answer.reason, found

    def hang_up(self) -> None:
        """End it from another thread: what waits there fails."""
        sock = self.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:  # it has ended by itself
                return


class _TimedSocket(socket.socket):
    """A socket that asks its connection how long it may still wait, at every read and write."""

    _owner: _TimedConnection

    @classmethod
    def of(cls, plain: socket.socket, owner: _TimedConnection) -> _TimedSocket:
        """Return a socket in place of a plain one."""
        timed = cls(fileno=plain.detach())
        timed._owner = owner
        return timed

    def recv_into(self, *arguments: Any) -> int:
        """Receive within the deadline."""
        self.settimeout(self._owner.left_s)
        return super().recv_into(*arguments)

    def sendall(self, *arguments: Any) -> None:
        """Send within the deadline."""
        self.settimeout(self._owner.left_s)
        super().sendall(*arguments)
