"""A camera on the network, real to the last byte: MJPEG over HTTP that can be made to fail."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

Fault = Literal["", "stalls", "repeats", "halves", "shrinks", "garbles", "hangs up"]
RATE_HZ = 30.0
SIZE_PX = (160, 120)


def picture(number: int, size_px: tuple[int, int] = SIZE_PX) -> np.ndarray:
    """Return an RGB test card: red from left to right, green from top to bottom, a blue bar."""
    width, height = size_px
    card = np.zeros((height, width, 3), np.uint8)
    card[:, :, 0] = np.linspace(0, 255, width)
    card[:, :, 1] = np.linspace(0, 255, height)[:, None]
    at = 4 * number % (width - 20)
    card[: height // 4, at : at + 20] = [0, 0, 255]
    return card


def write_film(path: Path, pictures: int) -> None:
    """Write a video."""
    import av

    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=round(RATE_HZ))
        stream.width, stream.height = SIZE_PX
        stream.pix_fmt = "yuv444p"
        for number in range(pictures):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number), format="rgb24")))
        film.mux(stream.encode())


class _Viewer(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Send pictures for ever."""
        camera = self.server.camera
        if not camera.lets_in(self.headers.get("Authorization")):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
            return
        camera.viewers += 1
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with suppress(OSError):
            while not self.server.is_over:
                if camera.fault == "hangs up":
                    return
                if camera.fault != "stalls":
                    self._send(camera)
                time.sleep(1 / RATE_HZ)

    def _send(self, camera: FakeCamera) -> None:
        jpeg = camera.next_jpeg()
        head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
        self.wfile.write(head + jpeg + b"\r\n")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, port: int, camera: FakeCamera) -> None:
        self.camera, self.is_over = camera, False
        super().__init__(("127.0.0.1", port), _Viewer)

    def handle_error(self, request: object, client_address: object) -> None:
        """A viewer that leaves is no error."""


class FakeCamera:
    """A camera with an address, which can be unplugged.

    Attributes:
        fault: what is wrong with it at the moment.
        password: of the person "me"; "" = everybody is let in.
        viewers: that it has sent pictures to.
    """

    def __init__(self) -> None:
        self.fault: Fault = ""
        self.password = ""
        self.viewers = 0
        self._number = 0
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._server: _Server | None = None
        self.plug_in()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._port}/stream"

    def plug_in(self) -> None:
        """Be there."""
        self._server = _Server(self._port, self)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def unplug(self) -> None:
        """Be gone."""
        assert self._server is not None
        self._server.is_over = True
        self._server.shutdown()
        self._server.server_close()

    def lets_in(self, authorization: str | None) -> bool:
        """Return whether somebody may look."""
        wanted = base64.b64encode(f"me:{self.password}".encode()).decode()
        return not self.password or authorization == f"Basic {wanted}"

    def next_jpeg(self) -> bytes:
        """Return what is sent next."""
        self._number += self.fault != "repeats"
        size_px = (80, 60) if self.fault == "shrinks" else SIZE_PX
        bgr = cv2.cvtColor(picture(self._number, size_px), cv2.COLOR_RGB2BGR)
        jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
        if self.fault == "halves":
            return jpeg[: len(jpeg) // 2]
        if self.fault == "garbles":
            return np.random.default_rng(self._number).bytes(len(jpeg))
        return jpeg


@contextmanager
def fake_camera() -> Iterator[FakeCamera]:
    """Have a camera on the network for a while."""
    camera = FakeCamera()
    try:
        yield camera
    finally:
        with suppress(OSError):
            camera.unplug()
