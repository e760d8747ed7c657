"""Feetech's serial bus for STS servos: one wire, half duplex, packets with a checksum.

Protocol: Feetech's "Smart Bus Servo Communication Protocol"; registers: STS3215 memory table.
"""

from __future__ import annotations

import errno
import termios
import time
from collections.abc import Mapping, Sequence
from typing import Any

from hilctl.errors import DeviceError

BAUD = 1_000_000
ANSWER_S = 0.02  # a servo answers within a millisecond, a USB adapter within a few
TRIES = 3
PING, READ, WRITE, SYNC_READ, SYNC_WRITE = 1, 2, 3, 0x82, 0x83
EVERYBODY = 0xFE
HEADER = b"\xff\xff"
OVERHEAD = 6  # bytes of a status packet beside its parameters
INSTALL = 'pip install "hilctl[so101]"'
FAULTS = {1: "its voltage is wrong", 2: "its sensor fails", 4: "it is too hot"}
FAULTS |= {8: "it draws too much current", 32: "it is overloaded"}
RIGHTS = "give this account the right to use it: sudo usermod -aG dialout $USER, then log in again"


class FeetechBus:
    """Servos on one serial port.

    What is lost or damaged on the wire is asked for again.

    Args:
        port: path of the serial port.

    Raises:
        DeviceError: it cannot be opened, or pyserial is not installed.
    """

    def __init__(self, port: str) -> None:
        try:
            import serial
        except ImportError as error:
            raise DeviceError("pyserial is not installed", hint=INSTALL) from error
        self._port = port
        self._lost = (serial.SerialException, OSError, termios.error)
        try:
            self._serial: Any = serial.Serial(
                port, BAUD, timeout=ANSWER_S, write_timeout=0.5, exclusive=True
            )
        except self._lost as error:
            raise self._unusable(error) from error

    def close(self) -> None:
        """Give the port back."""
        self._serial.close()

    def ping(self, servo: int) -> bool:
        """Return whether a servo answers."""
        return servo in self._ask(servo, PING, b"", [servo], 0)

    def read(self, servo: int, register: int, size: int) -> int:
        """Return a register of a servo, low byte first.

        Raises:
            DeviceError: it does not answer.
        """
        answers = self._ask(servo, READ, bytes([register, size]), [servo], size)
        if servo not in answers:
            raise self.silent([servo])
        return int.from_bytes(answers[servo], "little")

    def write(self, servo: int, register: int, size: int, value: int) -> None:
        """Set a register of a servo.

        Raises:
            DeviceError: it does not confirm that.
        """
        data = bytes([register]) + value.to_bytes(size, "little")
        if servo not in self._ask(servo, WRITE, data, [servo], 0):
            raise self.silent([servo])

    def read_all(self, servos: Sequence[int], register: int, size: int) -> dict[int, bytes]:
        """Return the bytes from a register on, of every servo that answers.

        Those that do not are asked again, twice.

        Raises:
            DeviceError: the port is gone, or a servo tells of a fault.
        """
        answers: dict[int, bytes] = {}
        for _ in range(TRIES):
            missing = [servo for servo in servos if servo not in answers]
            if not missing:
                break
            asked = bytes([register, size, *missing])
            answers |= self._once(EVERYBODY, SYNC_READ, asked, missing, size)
        return answers

    def write_all(self, register: int, size: int, values: Mapping[int, int]) -> None:
        """Set a register of several servos at once; none of them confirms it.

        Raises:
            DeviceError: the port is gone.
        """
        data = bytes([register, size])
        for servo, value in values.items():
            data += bytes([servo]) + value.to_bytes(size, "little")
        self._send(EVERYBODY, SYNC_WRITE, data)

    def silent(self, servos: Sequence[int]) -> DeviceError:
        """Return that servos do not answer."""
        listed = ", ".join(map(str, servos))
        return DeviceError(
            f"no answer of use from servo {listed}",
            where=self._port,
            hint="is the arm's power supply on, and every cable between the servos in?",
        )

    def _ask(
        self, servo: int, instruction: int, data: bytes, expected: list[int], size: int
    ) -> dict[int, bytes]:
        for number in range(TRIES):
            if answers := self._once(servo, instruction, data, expected, size):
                if number:  # that may be the answer to an earlier try, and another on its way
                    time.sleep(ANSWER_S)
                return answers
        return {}

    def _once(
        self, servo: int, instruction: int, data: bytes, expected: list[int], size: int
    ) -> dict[int, bytes]:
        """Send a packet, and return what comes back whole from those that were asked."""
        self._send(servo, instruction, data)
        answers: dict[int, bytes] = {}
        received = b""
        deadline_s = time.monotonic() + ANSWER_S * (1 + 0.1 * len(expected))
        while len(answers) < len(expected) and time.monotonic() < deadline_s:
            wanted = (len(expected) - len(answers)) * (OVERHEAD + size)
            received += self._receive(max(1, wanted - len(received)))
            received = self._take(received, expected, size, answers)
        return answers

    def _send(self, servo: int, instruction: int, data: bytes) -> None:
        body = bytes([servo, len(data) + 2, instruction]) + data
        try:
            self._serial.reset_input_buffer()  # what came too late belongs to nothing any more
            self._serial.write(HEADER + body + bytes([~sum(body) & 0xFF]))
        except self._lost as error:
            raise self._unusable(error) from error

    def _receive(self, most: int) -> bytes:
        try:
            return bytes(self._serial.read(most))
        except self._lost as error:
            raise self._unusable(error) from error

    def _take(
        self, received: bytes, expected: list[int], size: int, answers: dict[int, bytes]
    ) -> bytes:
        """Put whole answers of the expected size into a dictionary; return what is left over.

        Raises:
            DeviceError: a servo tells of a fault.
        """
        whole = OVERHEAD + size
        while (begin := received.find(HEADER)) >= 0 and len(received) - begin >= whole:
            packet, servo = received[begin : begin + whole], received[begin + 2]
            body, checksum = packet[2:-1], packet[-1]
            fits = servo in expected and body[1] == size + 2 and ~sum(body) & 0xFF == checksum
            if not fits:  # noise, or cut: look for the next header
                received = received[begin + 1 :]
                continue
            self._look_for_fault(servo, body[2])
            answers[servo] = body[3:]
            received = received[begin + whole :]
        return received

    def _look_for_fault(self, servo: int, status: int) -> None:
        found = [words for bit, words in FAULTS.items() if status & bit]
        if found:
            raise DeviceError(
                f"servo {servo} has stopped: {' and '.join(found)}",
                where=self._port,
                hint="take the load off, let it cool, and switch the arm's power off and on again",
            )

    def _unusable(self, error: Exception) -> DeviceError:
        number = getattr(error, "errno", None)
        if number in (errno.EACCES, errno.EPERM):
            hint = RIGHTS
        elif number in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in str(error):
            hint = "end the other program that uses it"
        else:
            hint = "see that its USB cable is in: ls -l /dev/serial/by-id"
        return DeviceError(f"the serial port cannot be used: {error}", where=self._port, hint=hint)


def signed(value: int, bit: int) -> int:
    """Return a register's number whose sign stands in a bit of its own."""
    magnitude = value & ((1 << bit) - 1)
    return -magnitude if value >> bit & 1 else magnitude
