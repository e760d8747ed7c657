"""A UR's connection in a process of its own, which ends when nobody talks to it any more.

Messages are JSON lines over two sockets that the process inherits: one for calls, which come one
after the other, and one for stops, which wait for nobody. When the first one is hung up, by whoever
or by a kill, the process stops the arm and ends.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl.errors import DeviceError, StaleStateError
from hilctl.real_time import become_real_time
from hilctl.robots.yielding import YieldingReference

Array = NDArray[np.float64]

START_S = 20.0
CALL_S = 1.0
CHORE_S = 20.0
HALT_S = 1.0
END_S = 5.0
MOST_BYTES = 65536
AGAIN = "begin again; if that happens often, see the arm's network"


@dataclass(frozen=True)
class UrSettings:
    """What the process is told: see `UrArm`."""

    host: str
    speed_m_s: float
    speed_rad_s: float
    force_n: float
    lookahead_s: float
    gain: float


@dataclass(frozen=True)
class UrReading:
    """What a UR measures: (7,) pose, (6,) velocity and wrench, (6,) joints.

    Attributes:
        seen_ns: when that came, on the monotonic clock that all processes share.
    """

    pose: Array
    velocity: Array
    wrench: Array
    q: Array
    seen_ns: int


class UrProcess:
    """The process, from outside.

    Raises:
        DeviceError: the arm cannot be reached.
    """

    def __init__(self, settings: UrSettings) -> None:
        self._settings = settings
        calls, their_calls = socket.socketpair()
        stops, their_stops = socket.socketpair()
        theirs = [their_calls, their_stops]
        self._calls, self._stops = MessageLine(calls), MessageLine(stops)
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, *(str(one.fileno()) for one in theirs)],
            pass_fds=[one.fileno() for one in theirs],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the one who stops the arm
        )
        for one in theirs:
            one.close()
        try:
            self._ask(asdict(settings), START_S)
        except BaseException:
            self.close()
            raise

    def read(self) -> UrReading:
        """Return what the arm measures.

        Raises:
            DeviceError: its controller says nothing any more, or what cannot be.
        """
        told = self._ask({"do": "read"}, CALL_S)
        pose, velocity, wrench, q = (
            np.array(told[name]) for name in ("pose", "velocity", "wrench", "q")
        )
        return UrReading(pose, velocity, wrench, q, int(told["seen_ns"]))

    def run_to(self, target: Array) -> None:
        """Let the reference run to a (7,) pose; do not wait.

        Raises:
            DeviceError: the arm may not move.
        """
        self._ask({"do": "run_to", "target": target.tolist()}, CALL_S)

    def do(self, chore: str) -> None:
        """Do "clear" or "zero_force".

        Raises:
            DeviceError: it is not done.
        """
        self._ask({"do": chore}, CHORE_S)

    def halt(self) -> None:
        """Stop the arm, from any thread.

        Raises:
            DeviceError: it could not be told.
        """
        try:
            self._stops.ask({"do": "halt"}, HALT_S)
        except (OSError, ValueError):
            from hilctl.robots.ur_controller import end_program

            end_program(self._settings.host)

    def close(self) -> None:
        """Stop the arm, end its program and the process; never raises."""
        with suppress(DeviceError):
            self._ask({"do": "end"}, END_S)
        self._calls.close()
        self._stops.close()
        self._process.kill()  # the library takes seconds to hang up
        self._process.wait(END_S)

    def _ask(self, message: Mapping[str, Any], limit_s: float) -> dict[str, Any]:
        try:
            return self._calls.ask(message, limit_s)
        except (OSError, ValueError) as error:
            why = "does not answer" if isinstance(error, TimeoutError) else "has ended"
            raise DeviceError(
                f"the process that talks to the UR {why}", where=self._settings.host, hint=AGAIN
            ) from error


class MessageLine:
    """One end of a socket on which each message gets an answer of the same number."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._lock = threading.Lock()
        self._left = b""
        self._number = 0

    def ask(self, message: Mapping[str, Any], limit_s: float) -> dict[str, Any]:
        """Return the answer to a message.

        Raises:
            DeviceError: that is the answer.
            OSError: there is none, in time or any more.
        """
        deadline_s = time.monotonic() + limit_s
        with self._lock:
            self._number += 1
            self._end.settimeout(limit_s)
            self.send({**message, "number": self._number})
            answer: dict[str, Any] | None = {}
            while answer is not None and answer.get("number") != self._number:
                answer = self.receive(deadline_s)  # one that came too late is passed over
        if answer is None:
            raise ConnectionError("hung up")
        if "message" in answer:
            late = answer["code"] == StaleStateError.code
            kind = StaleStateError if late else DeviceError
            raise kind(answer["message"], where=answer["where"], hint=answer["hint"])
        return answer

    def serve(self, answer: Callable[[dict[str, Any]], Mapping[str, Any]]) -> None:
        """Answer messages until they end."""
        with suppress(OSError):
            while (message := self.receive()) is not None:
                number = message.pop("number")
                try:
                    told = answer(message)
                except DeviceError as fault:
                    told = fault.as_dict()
                self.send({**told, "number": number})

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message."""
        self._end.sendall(json.dumps(message).encode() + b"\n")

    def receive(self, deadline_s: float | None = None) -> dict[str, Any] | None:
        """Return the next message; None = there will be none.

        Raises:
            TimeoutError: there is none by then.
        """
        while b"\n" not in self._left:
            if deadline_s is not None:
                self._end.settimeout(max(0.001, deadline_s - time.monotonic()))
            got = self._end.recv(MOST_BYTES)
            if not got:
                return None
            self._left += got
        line, _, self._left = self._left.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def close(self) -> None:
        """Hang up."""
        with suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)
        self._end.close()


def _main(calls: MessageLine, stops: MessageLine) -> None:
    """Connect to the arm that the first call names, and do what the others say."""
    from hilctl.robots.ur_arm import UrArm

    arms: list[UrArm] = []

    def begin(given: dict[str, Any]) -> Mapping[str, Any]:
        settings = UrSettings(**given)
        reference = YieldingReference(settings.speed_m_s, settings.speed_rad_s, settings.force_n)
        arms.append(UrArm(settings.host, reference, settings.lookahead_s, settings.gain))
        become_real_time()  # the arm wants a reference every 8 ms
        return {}

    def do(message: dict[str, Any]) -> Mapping[str, Any]:
        if not arms:
            return begin(message)
        (arm,) = arms
        match message["do"]:
            case "read":
                pose, velocity, wrench, q = (numbers.tolist() for numbers in arm.controller.read())
                state = {"pose": pose, "velocity": velocity, "wrench": wrench, "q": q}
                return {**state, "seen_ns": arm.controller.seen_ns}
            case "run_to":
                arm.run_to(np.array(message["target"]))
            case "clear":
                arm.clear()
            case "end":
                arm.end()
            case "zero_force":
                arm.zero_force()
        return {}

    def halt(_: dict[str, Any]) -> Mapping[str, Any]:
        for arm in arms:
            arm.halt()
        return {}

    threading.Thread(target=stops.serve, args=(halt,), daemon=True).start()
    calls.serve(do)
    for arm in arms:
        arm.close()


if __name__ == "__main__":
    _main(*(MessageLine(socket.socket(fileno=int(number))) for number in sys.argv[1:3]))
