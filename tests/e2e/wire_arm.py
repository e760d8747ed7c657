"""An arm at the other end of a network connection, with a clock and a mind of its own.

Its controller is of the kind that needs a guard: told to go somewhere, it does, and then goes on in
the same direction until it hears of another target, or is told to hold. It ends with its
standard input.
"""

from __future__ import annotations

import json
import math
import socketserver
import sys
import threading
import time

PERIOD_S = 0.004
SPEED_M_S = 0.2


class Arm:
    """Moves in a thread; everything it was told is noted with the time by its own clock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.place = [0.5, -0.03, 0.12]
        self.velocity = [0.0, 0.0, 0.0]
        self.moved_ns = 0  # when it last did
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        """Move for ever."""
        while True:
            time.sleep(PERIOD_S)
            with self.lock:
                if any(self.velocity):
                    self.moved_ns = time.monotonic_ns()
                self.place = [
                    at + PERIOD_S * v for at, v in zip(self.place, self.velocity, strict=True)
                ]

    def do(self, told: dict[str, object]) -> dict[str, object]:
        """Do what is told; answer with the state."""
        with self.lock:
            if "target" in told:
                way = [to - at for to, at in zip(told["target"], self.place, strict=True)]
                length = math.hypot(*way)
                speed = min(float(told["speed"]), length / 0.02)
                self.velocity = [speed * part / length if length else 0.0 for part in way]
            if "hold" in told:
                self.velocity = [0.0, 0.0, 0.0]
            return {"place": self.place, "velocity": self.velocity, "moved_ns": self.moved_ns}


class Listener(socketserver.StreamRequestHandler):
    """One connection."""

    def handle(self) -> None:
        """Answer line by line."""
        for line in self.rfile:
            self.wfile.write(json.dumps(self.server.arm.do(json.loads(line))).encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):
    """Of one arm."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        self.arm = Arm()
        super().__init__(("127.0.0.1", 0), Listener)


if __name__ == "__main__":
    with Server() as server:
        sys.stdout.write(f"{server.server_address[1]}\n")
        sys.stdout.flush()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()  # until whoever started it is gone
