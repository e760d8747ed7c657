"""A Robotiq gripper on a UR, through the socket that its URCap serves."""

from __future__ import annotations

import time

from hilctl.errors import DeviceError
from hilctl.robots.fingers import Fingers
from hilctl.robots.line_server import LineServer

PORT = 63352
ANSWER_S = 0.5
ACTIVATION_S = 8.0
ACTIVE = 3
ACTIVATE = "hilctl robot activate-gripper (its fingers move all the way)"


class Robotiq(Fingers):
    """Fingers with positions from 0 to 255.

    Args:
        host: of the UR.
        span: positions at which it is open and closed.
        speed: share of its fastest, 0 to 1.
        force: share of its strongest, 0 to 1.

    Raises:
        DeviceError: it does not answer.
    """

    def __init__(self, host: str, span: tuple[int, int], speed: float, force: float) -> None:
        super().__init__()
        self._span = span
        self._manner = f"SPE {round(255 * speed)} FOR {round(255 * force)}"
        self._is_active = False
        self._server = LineServer("Robotiq gripper", host, PORT, ANSWER_S)
        try:
            self.start()
        except BaseException:
            self._server.close()
            raise

    def look(self) -> float:
        """Return how far it is open, 0 to 1.

        Raises:
            DeviceError: it does not say.
        """
        opened, closed = self._span
        position = self._ask("POS")
        self._is_active = self._ask("STA") == ACTIVE
        return (position - closed) / (opened - closed)

    def unready(self) -> DeviceError | None:
        """Return that it is not activated, if so."""
        if not self._is_active:
            return DeviceError("the Robotiq gripper is not activated", hint=ACTIVATE)
        return None

    def go(self, opening: float) -> None:
        """Begin to open or close; what it was told before is over."""
        opened, closed = self._span
        self._tell(f"POS {round(closed + opening * (opened - closed))} {self._manner} GTO 1")

    def activate(self) -> None:
        """Have it find its way: the fingers move all the way.

        Raises:
            DeviceError: it does not within some seconds.
        """
        self.run_errand(self._activate, ACTIVATION_S + 1.0)

    def close(self) -> None:
        """Hang up; the fingers hold what they hold."""
        super().close()
        self._server.close()

    def _activate(self) -> None:
        self._tell("ACT 0")
        self._tell("ACT 1")
        deadline_s = time.monotonic() + ACTIVATION_S
        while self._ask("STA") != ACTIVE:
            if time.monotonic() > deadline_s:
                raise DeviceError("the Robotiq gripper does not become active", hint=ACTIVATE)
            time.sleep(0.05)
        self._is_active = True

    def _ask(self, name: str) -> int:
        """Return a variable.

        Raises:
            DeviceError: there is no such number.
        """
        answer = self._server.ask(f"GET {name}")
        try:
            said, number = answer.split()
            value = int(number)
        except ValueError:
            said, value = answer, -1
        if said != name or not 0 <= value <= 255:
            raise DeviceError(
                f"the Robotiq gripper says {answer!r} when asked for {name}",
                hint="is its URCap installed on the UR?",
            )
        return value

    def _tell(self, words: str) -> None:
        answer = self._server.ask(f"SET {words}")
        if answer != "ack":
            raise DeviceError(
                f"the Robotiq gripper does not take {words!r}: {answer}", hint=ACTIVATE
            )
