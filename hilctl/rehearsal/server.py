"""HTTP servers of a rehearsal: one an arm, as rigs have them, with the cameras beside it."""

from __future__ import annotations

import http.server
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from hilctl.errors import UsageError
from hilctl.rehearsal.live_world import LiveWorld
from hilctl.rehearsal.pictures import PictureMaker
from hilctl.rehearsal.room import Room
from hilctl.rehearsal.served_arm import Route, ServedArm

LARGEST_BYTES = 16 << 20  # of what is posted: the pattern of a board
IDLE_S = 60.0  # until a connection that says nothing is closed
POLL_S = 0.1
BOUNDARY = "frame"
STREAM_BYTES = 1 << 16  # that wait for a viewer: more would be older pictures
SWITCH_S = 0.0005  # many short tasks share one interpreter; 5 ms would be late for an arm


@dataclass(frozen=True)
class Rehearsal:
    """A rig that is there.

    Attributes:
        arms: name → address of its robot server; a single one is called "".
        cameras: name → address of its stream.
        room: what somebody in it can do.
    """

    arms: dict[str, str]
    cameras: dict[str, str]
    room: Room


@contextmanager
def open_rehearsal(
    scene: str,
    *,
    port: int = 5000,
    gripper: str = "robotiq",
    size: tuple[int, int] = (640, 480),
    rate_hz: float = 15.0,
    seed: int = 0,
    on_thread: Callable[[], Any] = lambda: None,
) -> Iterator[Rehearsal]:
    """Serve a simulated scene on the loopback interface, in real time.

    Args:
        scene: name of a scene of the simulator.
        port: of every server; the first arm is at 127.0.0.1, the next one at 127.0.0.2. 0 = any.
        gripper: of the servers: "robotiq", "franka" or "none".
        size: width and height of pictures in px.
        rate_hz: of pictures.
        seed: of what differs from episode to episode.
        on_thread: called when threads have been started that are to be in time.

    Raises:
        UsageError: a port is taken.
    """
    live = LiveWorld(scene, seed)
    pictures = PictureMaker(live, size, rate_hz)
    room = Room(live, pictures)
    with live.held() as world:
        names = list(world.arms)
    switch_s = sys.getswitchinterval()
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(
                _serving(
                    (f"127.0.0.{number}", port),
                    {**ServedArm(live, name, gripper).routes(), **room.routes(name)},
                    pictures,
                    on_thread,
                )
            )
            for number, name in enumerate(names, start=1)
        }
        sys.setswitchinterval(SWITCH_S)
        stack.callback(sys.setswitchinterval, switch_s)
        stack.callback(pictures.close)
        stack.callback(live.close)
        live.start()
        pictures.start()
        on_thread()
        addresses = {name: "http://{}:{}".format(*server) for name, server in servers.items()}
        first = addresses[names[0]]
        cameras = {view: f"{first}/camera/{view}.mjpg" for view in pictures.views}
        yield Rehearsal(addresses, cameras, room)


@contextmanager
def _serving(
    address: tuple[str, int],
    routes: Mapping[str, Route],
    pictures: PictureMaker,
    on_thread: Callable[[], Any],
) -> Iterator[tuple[str, int]]:
    """Serve routes and pictures at an address; return that it became."""
    try:
        server = _Server(address, _Handler)
    except OSError as error:
        raise UsageError(
            f"cannot serve at {address[0]}:{address[1]}: {error.strerror}",
            hint="is another serve-sim running? choose another --port",
        ) from error
    server.routes, server.pictures, server.on_thread = routes, pictures, on_thread
    thread = threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True)
    thread.start()
    try:
        yield server.server_address[0], server.server_address[1]  # type: ignore[misc]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    routes: Mapping[str, Route]
    pictures: PictureMaker
    on_thread: Callable[[], Any]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of those who hang up; their threads end."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer goes out in one piece
    timeout = IDLE_S

    def setup(self) -> None:
        """Take a connection, in a thread of its own."""
        super().setup()
        self.server.on_thread()

    def do_POST(self) -> None:
        """Do what a route does."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BYTES:
            self.close_connection = True
            self._answer(413, "text/html", b"too large")
            return
        body = self.rfile.read(int(length))
        route = self.server.routes.get(self.path.strip("/"))
        if route is None:
            self._answer(404, "text/html", b"<h1>Not Found</h1>")
            return
        try:
            answer = route(json.loads(body) if body else None)
        except Exception as error:  # as those servers do, whatever it is
            told = f"<h1>Internal Server Error</h1>{type(error).__name__}: {error}"
            self._answer(500, "text/html", told.encode())
            return
        if isinstance(answer, str):
            self._answer(200, "text/html; charset=utf-8", answer.encode())
        else:
            self._answer(200, "application/json", json.dumps(answer).encode())

    def do_GET(self) -> None:
        """Show a camera: one picture, or a stream of them."""
        name, _, kind = self.path.removeprefix("/camera/").rpartition(".")
        if not self.path.startswith("/camera/") or name not in self.server.pictures.views:
            known = self.path.strip("/") in self.server.routes
            status = http.HTTPStatus.METHOD_NOT_ALLOWED if known else http.HTTPStatus.NOT_FOUND
            self._answer(status, "text/html", f"<h1>{status.phrase}</h1>".encode())
        elif kind == "jpg":
            with self.server.pictures.watched(name) as found:
                self._answer(200, "image/jpeg", next(found, b""))
        else:
            self._stream(name)

    def _stream(self, view: str) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, STREAM_BYTES)
        self.close_connection = True
        self.send_response(200)
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        with suppress(OSError), self.server.pictures.watched(view) as found:
            for jpeg in found:
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}"
                self.wfile.write(head.encode() + b"\r\n\r\n" + jpeg + b"\r\n")
                self.wfile.flush()

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: there are hundreds of requests a second."""
