"""A UR controller to connect to: RTDE, script and dashboard servers, and a Robotiq's socket.

It speaks RTDE 2 as the manual has it, keeps the registers that ur-rtde's program uses, and lets a
tool follow `servoL`. It runs by the wall clock, in threads.
"""

from __future__ import annotations

import itertools
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from hilctl import geometry

RTDE, SCRIPT, DASHBOARD, GRIPPER = 30004, 30003, 29999, 63352
PERIOD_S = 0.004
FOLLOWS_S = 0.05  # how far a tool is behind its target
CLEAR, SERVO_STOP, SERVO, WATCHDOG, STOP_SCRIPT = 0, 16, 24, 35, 255  # of ur-rtde's program
READY, DONE = 1, 2
NORMAL, PROTECTIVE, RUNNING = 1, 3, 7
HOME = np.array([0.4, 0.1, 0.3, 1.0, 0.0, 0.0, 0.0])
TYPES = {
    "timestamp": "d",
    "actual_q": "6d",
    "actual_TCP_pose": "6d",
    "actual_TCP_speed": "6d",
    "actual_TCP_force": "6d",
    "robot_mode": "i",
    "safety_mode": "i",
    "safety_status_bits": "I",
    "robot_status_bits": "I",
    "runtime_state": "I",
    "speed_scaling": "d",
    "standard_analog_input0": "d",
}
NAMES = {"d": "DOUBLE", "6d": "VECTOR6D", "i": "INT32", "I": "UINT32", "B": "UINT8", "q": "UINT64"}


def type_of(name: str) -> str:
    if name.startswith(("output_int", "input_int")):
        return "i"
    if name.startswith(("output_double", "input_double")):
        return "d"
    return TYPES.get(name, "d")


class FakeUr:
    """A UR that is switched on and in remote control."""

    def __init__(self) -> None:
        self.pose, self.velocity = HOME.copy(), np.zeros(6)
        self.force_base = np.zeros(6)
        self.registers: dict[str, float] = {}
        self.target: np.ndarray | None = None  # of servoL
        self.runtime, self.safety, self.mode, self.remote = 1, NORMAL, RUNNING, True
        self.watchdog_hz, self.fed_s = 0.0, 0.0
        self.silent = False  # sends nothing, reads nothing
        self.garbage = ""  # sent before the next state
        self.wrong: dict[str, list[float]] = {}  # variables that it tells wrong
        self.said: list[str] = []  # to the dashboard
        self.scripts: list[str] = []
        self.opening, self.wanted_opening, self.gripper_active = 3, 3, True
        self.gripper_says: str | None = None  # whatever it is asked
        self.moves: deque[tuple[float, float]] = deque(maxlen=500)  # time, tool speed
        self.targets: deque[list[float]] = deque(maxlen=500)  # of servoL, (3,) metres
        self._lock = threading.RLock()
        self._over = False
        self._clients: list[socket.socket] = []
        self._listeners = self._listen()
        self._threads: list[threading.Thread] = []
        serve: dict[int, Callable[[socket.socket], None]] = {
            RTDE: self._serve_rtde,
            SCRIPT: self._serve_script,
            DASHBOARD: self._serve_dashboard,
            GRIPPER: self._serve_gripper,
        }
        for port, listener in self._listeners.items():
            self._start(self._accept, listener, serve[port])
        self._start(self._live)

    def end(self) -> None:
        """Be gone."""
        self._over = True
        for listener in self._listeners.values():
            listener.close()
        self.hang_up()
        for thread in self._threads:
            thread.join(2.0)

    def hang_up(self) -> None:
        """Drop every connection."""
        for client in self._clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            client.close()
        self._clients.clear()

    def protect(self) -> None:
        """Stop as after a collision."""
        with self._lock:
            self.safety = PROTECTIVE
            self._end_program()

    def _listen(self) -> dict[int, socket.socket]:
        for last in itertools.count(1):
            self.host = f"127.30.{os.getpid() % 250}.{last}"
            sockets = {port: socket.socket() for port in (RTDE, SCRIPT, DASHBOARD, GRIPPER)}
            try:
                for port, listener in sockets.items():
                    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    listener.bind((self.host, port))
                    listener.listen(5)
            except OSError:
                for listener in sockets.values():
                    listener.close()
                assert last < 200
                continue
            return sockets
        raise AssertionError

    def _start(self, work: Callable[..., None], *given: Any) -> None:
        thread = threading.Thread(target=work, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
        while not self._over:
            with suppress(OSError, ValueError):  # closed meanwhile
                if not select.select([listener], [], [], 0.1)[0]:
                    continue
                client, _ = listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._clients.append(client)
                self._start(self._quietly, serve, client)

    def _quietly(self, serve: Callable[[socket.socket], None], client: socket.socket) -> None:
        with suppress(OSError, ValueError):
            serve(client)
        client.close()

    # ----- the arm

    def _live(self) -> None:
        last_s = time.monotonic()
        while not self._over:
            time.sleep(PERIOD_S)
            now_s = time.monotonic()
            elapsed_s, last_s = now_s - last_s, now_s
            with self._lock:
                self._move(elapsed_s)
                step = np.sign(self.wanted_opening - self.opening) * max(1, round(elapsed_s * 400))
                left = self.wanted_opening - self.opening
                self.opening += int(np.clip(left, -abs(step), abs(step)))

    def _end_program(self) -> None:
        self.target, self.runtime, self.watchdog_hz = None, 1, 0.0
        self.registers["output_int_register_0"] = 0

    def _move(self, elapsed_s: float) -> None:
        if self.watchdog_hz and time.monotonic() - self.fed_s > 1.0 / self.watchdog_hz:
            self._end_program()
        before = self.pose
        if self.target is not None:
            share = 1.0 - np.exp(-elapsed_s / FOLLOWS_S)
            self.pose = geometry.interpolate(before, self.target, float(share))
        turned = geometry.rotate(before[3:], geometry.rotation_between(before, self.pose))
        self.velocity = np.concatenate([self.pose[:3] - before[:3], turned]) / elapsed_s
        self.moves.append((time.monotonic(), float(np.linalg.norm(self.velocity[:3]))))

    def state(self, name: str) -> tuple[float, ...]:
        """Return a variable of RTDE."""
        value = self.wrong.get(name, self._told(name))
        as_int = type_of(name) in "iI"
        return tuple(int(v) if as_int else float(v) for v in np.atleast_1d(value))

    def _told(self, name: str) -> Any:
        match name:
            case "timestamp":
                return time.monotonic()
            case "actual_q":
                return 0.5 * np.concatenate([self.pose[:3], np.arange(3)])
            case "actual_TCP_pose":
                turn = geometry.rotvec_from_quat(self.pose[3:])
                return np.concatenate([self.pose[:3], turn])
            case "actual_TCP_speed":
                return self.velocity
            case "actual_TCP_force":
                return self.force_base
            case "robot_mode":
                return self.mode
            case "safety_mode":
                return self.safety
            case "safety_status_bits":
                return 1 << (self.safety - 1)
            case "robot_status_bits":
                return 1 | (2 if self.runtime == 2 else 0)
            case "runtime_state":
                return self.runtime
            case "speed_scaling":
                return 1.0
        return self.registers.get(name, 0)

    # ----- RTDE

    def _serve_rtde(self, client: socket.socket) -> None:
        outputs: list[str] = []
        recipes: list[list[str]] = []
        started, period_s, due_s = False, 0.008, 0.0
        while not self._over:
            if self.silent:
                time.sleep(0.005)
                continue
            wait_s = max(0.0, due_s - time.monotonic()) if started else 0.1
            if select.select([client], [], [], wait_s)[0]:
                kind, body = self._package(client)
                if kind == ord("V"):
                    self._reply(client, "V", b"\1")
                elif kind == ord("v"):
                    self._reply(client, "v", struct.pack(">4I", 5, 14, 0, 0))
                elif kind == ord("O"):
                    (frequency,) = struct.unpack(">d", body[:8])
                    period_s = 1.0 / frequency
                    outputs = body[8:].decode().rstrip(",").split(",")
                    self._reply(client, "O", b"\1" + self._types(outputs))
                elif kind == ord("I"):
                    recipes.append(body.decode().rstrip(",").split(","))
                    self._reply(client, "I", bytes([len(recipes)]) + self._types(recipes[-1]))
                elif kind == ord("S"):
                    started, due_s = True, time.monotonic()
                    self._reply(client, "S", b"\1")
                elif kind == ord("P"):
                    started = False
                    self._reply(client, "P", b"\1")
                elif kind == ord("U"):
                    self._take(recipes[body[0] - 1], body[1:])
            if started and time.monotonic() >= due_s:
                due_s = time.monotonic() + period_s
                if self.garbage:
                    client.sendall(self.garbage.encode("latin-1"))
                    self.garbage = ""
                with self._lock:
                    data = b"".join(
                        struct.pack(f">{type_of(name)}", *self.state(name)) for name in outputs
                    )
                self._reply(client, "U", b"\1" + data)

    def _package(self, client: socket.socket) -> tuple[int, bytes]:
        size, kind = struct.unpack(">HB", _exactly(client, 3))
        return kind, _exactly(client, size - 3)

    def _reply(self, client: socket.socket, kind: str, body: bytes) -> None:
        client.sendall(struct.pack(">HB", len(body) + 3, ord(kind)) + body)

    def _types(self, names: list[str]) -> bytes:
        return ",".join(NAMES.get(type_of(name), "DOUBLE") for name in names).encode()

    def _take(self, names: list[str], data: bytes) -> None:
        """Take a package of registers; the first of them is what ur-rtde's program shall do."""
        kinds = [type_of(name) if "register" in name else "d" for name in names]
        values = struct.unpack(">" + "".join(kinds), data)
        with self._lock:
            self.registers.update(zip(names, values, strict=True))
            command = int(self.registers.get("input_int_register_0", 0))
            if self.runtime != 2:
                return
            ready = command in (CLEAR, SERVO)
            self.registers["output_int_register_0"] = READY if ready else DONE
            self.fed_s = time.monotonic()
            if command == SERVO:
                numbers = [self.registers[f"input_double_register_{n}"] for n in range(6)]
                quat = geometry.quat_from_rotvec(numbers[3:])
                self.target = geometry.pose(numbers[:3], quat)
                self.targets.append(numbers[:3])
            elif command == SERVO_STOP:
                self.target = None
            elif command == WATCHDOG:
                self.watchdog_hz = self.registers["input_double_register_0"]
            elif command == STOP_SCRIPT:
                self._end_program()

    # ----- the other servers

    def _serve_script(self, client: socket.socket) -> None:
        text = ""
        while not self._over:
            if not select.select([client], [], [], 0.1)[0]:
                continue
            got = client.recv(65536).decode()
            if not got:
                return
            text += got
            if text.rstrip().endswith("end"):
                self.scripts.append(text)
                text = ""
                with self._lock:
                    if self.safety == NORMAL:
                        self.runtime = 2
                        self.registers["output_int_register_0"] = READY

    def _serve_dashboard(self, client: socket.socket) -> None:
        client.sendall(b"Connected: Universal Robots Dashboard Server\n")
        for line in _lines(client, lambda: self._over):
            self.said.append(line)
            client.sendall((self._dashboard_answer(line) + "\n").encode())

    def _dashboard_answer(self, line: str) -> str:
        if line == "PolyscopeVersion":
            return "URSoftware 5.14.0.0 (Jan 1 2024)"
        if line == "get serial number":
            return "20235500001"
        if line == "get robot model":
            return "UR5"
        if line == "is in remote control":
            return str(self.remote).lower()
        if line == "running":
            return f"Program running: {str(self.runtime == 2).lower()}"
        if line == "stop":
            with self._lock:
                self._end_program()
            return "Stopped"
        if line == "unlock protective stop":
            self.safety = NORMAL
            return "Protective stop releasing"
        return "ok"

    def _serve_gripper(self, client: socket.socket) -> None:
        for line in _lines(client, lambda: self._over):
            words = line.split()
            known = {
                "POS": self.opening,
                "PRE": self.wanted_opening,
                "STA": 3 if self.gripper_active else 0,
                "ACT": int(self.gripper_active),
                "FLT": 0,
                "OBJ": 3,
            }
            if self.gripper_says is not None:
                client.sendall(self.gripper_says.encode())
            elif words[0] == "GET":
                client.sendall(f"{words[1]} {known.get(words[1], '?')}\n".encode())
            else:
                given = dict(zip(words[1::2], map(int, words[2::2]), strict=True))
                self.wanted_opening = min(228, max(3, given.get("POS", self.wanted_opening)))
                self.gripper_active = bool(given.get("ACT", self.gripper_active))
                client.sendall(b"ack")


def _exactly(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        got = client.recv(size - len(data))
        if not got:
            raise OSError("gone")
        data += got
    return data


def _lines(client: socket.socket, over: Callable[[], bool]) -> Any:
    text = ""
    while not over():
        if not select.select([client], [], [], 0.1)[0]:
            continue
        got = client.recv(4096).decode()
        if not got:
            return
        text += got
        while "\n" in text:
            line, _, text = text.partition("\n")
            yield line.strip()


def _answer(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _obey(ur: FakeUr) -> None:
    """Do what is said on the standard input, a JSON list a line, and answer in kind."""
    _answer(ur.host)
    for line in sys.stdin:
        word, *given = json.loads(line)
        answer: Any = None
        if word == "set":
            name, value = given
            is_vector = isinstance(value, list)
            setattr(ur, name, np.array(value, dtype=float) if is_vector else value)
        elif word == "do":
            getattr(ur, given[0])()
        else:
            value = getattr(ur, given[0])
            answer = list(value) if isinstance(value, (np.ndarray, deque)) else value
        _answer(answer)


class UrController:
    """A `FakeUr` in a process of its own, whose periods nobody delays."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.host = self._answer()

    def set(self, name: str, value: Any) -> None:
        """Change something about it."""
        self._say("set", name, value)

    def do(self, name: str) -> None:
        """Let something happen to it."""
        self._say("do", name)

    def get(self, name: str) -> Any:
        """Return something about it."""
        return self._say("get", name)

    def end(self) -> None:
        """Be gone."""
        self._process.kill()
        self._process.communicate()

    def freeze(self) -> None:
        """Let it say nothing any more, and take nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def _say(self, *words: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the UR has ended"
        return json.loads(line)


if __name__ == "__main__":
    _obey(FakeUr())
