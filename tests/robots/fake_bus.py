"""Six servos behind a terminal of our own: Feetech's protocol, with weight on the joints."""

from __future__ import annotations

import json
import os
import pty
import random
import select
import termios
import threading
import time
import tty
from pathlib import Path
from typing import Any

MODEL, OFFSET, TORQUE, GOAL, PRESENT = 3, 31, 40, 42, 56
FOLLOWS_S = 0.06
# ticks by which a servo hangs below its goal
SAG = {1: 0.0, 2: 40.0, 3: 35.0, 4: 12.0, 5: 0.0, 6: 0.0}
START = {1: 2048.0, 2: 1640.0, 3: 2640.0, 4: 2450.0, 5: 2048.0, 6: 2500.0}
RANGES = {1: (800, 3296), 2: (900, 3196), 3: (950, 3146), 4: (960, 3136), 5: (250, 3846)}
RANGES |= {6: (2020, 3500)}
NAMES = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")


class Servo:
    """One servo: its registers, and where it is."""

    def __init__(self, number: int) -> None:
        self.memory = bytearray(128)
        self.put(MODEL, 777)
        self.put(OFFSET, 100 + number)
        self.place = START[number]
        self.speed = 0.0
        self.sag = SAG[number]
        self.lies: int | None = None  # where it says that it is
        self.put(GOAL, 4000)  # of somebody who used it before

    def put(self, register: int, value: int) -> None:
        self.memory[register : register + 2] = value.to_bytes(2, "little")

    def get(self, register: int) -> int:
        return int.from_bytes(self.memory[register : register + 2], "little")

    def live(self, elapsed_s: float) -> None:
        """Let time pass."""
        before = self.place
        if self.memory[TORQUE]:
            goal = self.get(GOAL) - self.sag
            self.place += (goal - self.place) * min(1.0, elapsed_s / FOLLOWS_S)
        self.speed = (self.place - before) / elapsed_s if elapsed_s else 0.0
        place = round(min(4095.0, max(0.0, self.place)))
        self.put(PRESENT, place if self.lies is None else self.lies)
        speed = round(self.speed)
        self.put(PRESENT + 2, abs(speed) | (0x8000 if speed < 0 else 0))


class FakeBus:
    """An arm's bus at a terminal's path.

    Attributes:
        silent: servos that do not answer.
        lost, damaged, late: shares of answers that are lost, broken, or come after 30 ms.
        status: what every answer says of faults.
    """

    def __init__(self, seed: int = 0) -> None:
        self._end, other = pty.openpty()
        tty.setraw(self._end, termios.TCSANOW)
        tty.setraw(other, termios.TCSANOW)
        self._other = other
        self.port = os.ttyname(other)
        self.servos = {number: Servo(number) for number in START}
        self.silent: set[int] = set()
        self.lost = self.damaged = self.late = 0.0
        self.status = 0
        self.torque_went_on_at: dict[int, float] = {}
        self._random = random.Random(seed)
        self._over = False
        self._lived_s = time.monotonic()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def calibration(self, file: Path) -> Path:
        """Write the arm's calibration as LeRobot does."""
        motors = {
            name: {
                "id": number,
                "drive_mode": 0,
                "homing_offset": 100 + number,
                "range_min": RANGES[number][0],
                "range_max": RANGES[number][1],
            }
            for number, name in enumerate(NAMES, start=1)
        }
        file.write_text(json.dumps(motors))
        return file

    def end(self) -> None:
        """Be unplugged."""
        if not self._over:
            self._over = True
            self._thread.join(1.0)
            os.close(self._end)
            os.close(self._other)

    @property
    def has_torque(self) -> bool:
        """Whether any servo has."""
        return any(servo.memory[TORQUE] for servo in self.servos.values())

    def _serve(self) -> None:
        received = b""
        while not self._over:
            heard = select.select([self._end], [], [], 0.02)[0]
            self._live()
            if not heard:
                continue
            received += os.read(self._end, 4096)
            while (begin := received.find(b"\xff\xff")) >= 0 and len(received) >= begin + 4:
                whole = begin + 4 + received[begin + 3]
                if len(received) < whole:
                    break
                self._take(received[begin + 2 : whole])
                received = received[whole:]

    def _live(self) -> None:
        now_s = time.monotonic()
        for servo in self.servos.values():
            servo.live(now_s - self._lived_s)
        self._lived_s = now_s

    def _take(self, packet: bytes) -> None:
        assert ~sum(packet[:-1]) & 0xFF == packet[-1]
        number, _, instruction, *data = packet[:-1]
        if instruction == 1:
            self._answer(number, b"")
        elif instruction == 2:
            register, size = data
            self._answer(number, self._memory(number, register, size))
        elif instruction == 3:
            self._write(number, data[0], bytes(data[1:]))
            self._answer(number, b"")
        elif instruction == 0x82:
            register, size, *numbers = data
            for one in numbers:
                self._answer(one, self._memory(one, register, size))
        elif instruction == 0x83:
            register, size, *rest = data
            for at in range(0, len(rest), size + 1):
                self._write(rest[at], register, bytes(rest[at + 1 : at + 1 + size]))

    def _memory(self, number: int, register: int, size: int) -> bytes:
        return bytes(self.servos[number].memory[register : register + size])

    def _write(self, number: int, register: int, data: bytes) -> None:
        if number not in self.silent and number in self.servos:
            if register == TORQUE and data[0]:
                self.torque_went_on_at[number] = self.servos[number].get(GOAL)
            self.servos[number].memory[register : register + len(data)] = data

    def _answer(self, number: int, data: bytes) -> None:
        if number in self.silent or number not in self.servos or self._chance(self.lost):
            return
        body = bytes([number, len(data) + 2, self.status]) + data
        packet = bytearray(b"\xff\xff" + body + bytes([~sum(body) & 0xFF]))
        if self._chance(self.damaged):
            cut = self._random.randrange(1, len(packet))
            packet = packet[:cut] if self._chance(0.5) else packet
            packet[self._random.randrange(len(packet))] ^= 1 << self._random.randrange(8)
        if self._chance(self.late):
            time.sleep(0.03)
        os.write(self._end, packet)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share


def described(bus: FakeBus, folder: Path) -> dict[str, Any]:
    """Return the options of the arm behind a bus."""
    return {
        "port": bus.port,
        "calibration": str(bus.calibration(folder / "arm.json")),
        "model": str(Path(__file__).with_name("five_joints.xml")),
    }
