"""A robot server on the loopback interface that does as it is told, misbehaving included."""

from __future__ import annotations

import http.server
import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

HOME = [0.5, 0.0, 0.2, 1.0, 0.0, 0.0, 0.0]
LOOKS = {
    "getpos": "pose",
    "getvel": "vel",
    "getforce": "force",
    "gettorque": "torque",
    "getq": "q",
}
SLOW_S = 5.0

Misbehave = Callable[["Handler", dict[str, Any]], None]


@dataclass
class FakeArm:
    """What a server knows of its arm, and what was asked of it.

    Attributes:
        calls: seconds, route and content of all that was posted, but looks at the state.
        connections: how many there were.
        misbehaves: instead of answering a look; None = it answers.
        refuses: routes that are answered with 500.
        refused: that were, in order.
        follows: the arm is at once where it is told to be.
    """

    url: str = ""
    pose: list[float] = field(default_factory=lambda: list(HOME))
    gripper: float = 0.5
    calls: list[tuple[float, str, Any]] = field(default_factory=list)
    connections: int = 0
    misbehaves: Misbehave | None = None
    refuses: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    follows: bool = True
    looks: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def state(self) -> dict[str, Any]:
        """Return a state with a little noise, as sensors have it."""
        self.looks += 1
        return {
            "pose": list(self.pose),
            "vel": [0.0] * 6,
            "force": [0.1, 0.0, 1e-3 * (self.looks % 7)],
            "torque": [0.0] * 3,
            "q": [0.1 * i for i in range(7)],
            "dq": [1e-6 * (self.looks % 11)] * 7,
            "jacobian": [[0.0] * 7] * 6,
            "gripper_pos": self.gripper,
        }

    def do(self, route: str, content: Any) -> None:
        """Take what was posted."""
        self.calls.append((time.monotonic(), route, content))
        if route == "pose" and self.follows:
            self.pose = content["arr"]

    def told(self, route: str) -> list[Any]:
        """Return what was posted to a route."""
        return [content for _, name, content in self.calls if name == route]

    @property
    def routes(self) -> list[str]:
        """What was posted, in order, each once where it was posted again and again."""
        names = [name for _, name, _ in self.calls]
        return [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]


@dataclass
class PulledArm(FakeArm):
    """An arm that takes its time to get where it is told to be, as one on springs does.

    Attributes:
        speed_m_s: of that.
        target: (3,) where it is pulled to.
        moved_s: when it moved last, by its own clock.
    """

    speed_m_s: float = 0.2
    target: list[float] = field(default_factory=lambda: HOME[:3])
    moved_s: float = 0.0
    _seen_s: float = field(default_factory=time.monotonic)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def state(self) -> dict[str, Any]:
        """Return the state of now."""
        self.gap_m()
        return super().state()

    def do(self, route: str, content: Any) -> None:
        """Take what was posted, and be pulled there from now on."""
        self.gap_m()
        self.calls.append((time.monotonic(), route, content))
        if route == "pose":
            self.target = content["arr"][:3]

    def gap_m(self) -> float:
        """Go on until now, and return how far it still has to go."""
        with self._turn:
            since_s, self._seen_s = self._seen_s, time.monotonic()
            way = [to - at for to, at in zip(self.target, self.pose[:3], strict=True)]
            length = math.hypot(*way)
            gone_m = min(length, self.speed_m_s * (self._seen_s - since_s))
            if gone_m > 1e-7:
                self.moved_s = since_s + gone_m / self.speed_m_s
                here = [
                    at + gone_m / length * part for at, part in zip(self.pose, way, strict=False)
                ]
                self.pose = [*here, *self.pose[3:]]
            return length - gone_m


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    arm: FakeArm

    def setup(self) -> None:
        super().setup()
        self.arm.connections += 1

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(length)
        if len(body) < length:  # whoever asked has hung up meanwhile
            self.close_connection = True
            return
        content, route = json.loads(body) if body else None, self.path[1:]
        arm = self.arm
        if route in arm.refuses:
            arm.refused.append(route)
            self.answer(b"<h1>Internal Server Error</h1>", status=500)
        elif route == "getstate" or route in LOOKS:
            if arm.misbehaves is not None:
                arm.misbehaves(self, arm.state())
            elif route == "getstate":
                self.answer(json.dumps(arm.state()).encode())
            else:
                self.answer(json.dumps({LOOKS[route]: arm.state()[LOOKS[route]]}).encode())
        else:
            arm.do(route, content)
            self.answer(b"Done")

    def answer(self, body: bytes, *, status: int = 200, length: int | None = None) -> None:
        """Answer, and say of the answer that it has a length."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *arguments: Any) -> None: ...


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None: ...


@contextmanager
def serving(arm: FakeArm, port: int = 0, protocol: str = "HTTP/1.1") -> Iterator[FakeArm]:
    """Serve an arm until the block is left; connections that are open then are closed, too."""
    handler = type("Handler", (Handler,), {"arm": arm, "protocol_version": protocol})
    open_ones: list[Any] = []

    class Counted(Server):
        def get_request(self) -> Any:
            found = super().get_request()
            open_ones.append(found[0])
            return found

    arm.over.clear()
    server = Counted(("127.0.0.1", port), handler)
    arm.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield arm
    finally:
        arm.over.set()
        server.shutdown()
        server.server_close()
        for one in open_ones:
            try:
                one.shutdown(2)
            except OSError:
                continue
        thread.join(5)


def altered(**changes: Any) -> Misbehave:
    """Return what tells a state in which some things are otherwise."""

    def tell(handler: Handler, state: dict[str, Any]) -> None:
        handler.answer(json.dumps(state | changes).encode())

    return tell


def raw(body: bytes, **how: Any) -> Misbehave:
    """Return what answers with some bytes."""
    return lambda handler, _: handler.answer(body, **how)


def slow(handler: Handler, state: dict[str, Any]) -> None:
    """Answer, but too late."""
    handler.arm.over.wait(SLOW_S)
    handler.close_connection = True


def half(handler: Handler, state: dict[str, Any]) -> None:
    """Hang up in the middle of an answer."""
    body = json.dumps(state).encode()
    handler.answer(body[: len(body) // 2], length=len(body))
    handler.connection.shutdown(2)


def drop_by_drop(handler: Handler, state: dict[str, Any]) -> None:
    """Send a byte now and then, for ever."""
    handler.answer(b"", length=1000)
    while not handler.arm.over.wait(0.1):
        handler.wfile.write(b"{")
        handler.wfile.flush()


def hang_up(handler: Handler, state: dict[str, Any]) -> None:
    """Say nothing, and hang up."""
    handler.connection.shutdown(2)
    handler.close_connection = True


def other_protocol(handler: Handler, state: dict[str, Any]) -> None:
    """Answer with what is no HTTP."""
    handler.wfile.write(b"220 ftp ready\r\n\r\n")
    handler.wfile.flush()
    handler.close_connection = True


def frozen() -> Misbehave:
    """Return what tells the first state again and again."""
    first: list[bytes] = []

    def tell(handler: Handler, state: dict[str, Any]) -> None:
        first.append(json.dumps(state).encode())
        handler.answer(first[0])

    return tell
