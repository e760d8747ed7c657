"""What a UR's controller says: its state, why its arm may not move, and what its dashboard does."""

from __future__ import annotations

import struct
import time
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.errors import DeviceError, StaleStateError
from hilctl.host_names import address_of, connected
from hilctl.robots.line_server import LineServer

Array = NDArray[np.float64]

RTDE_PORT, DASHBOARD_PORT = 30004, 29999
RATE_HZ = 125.0
VARIABLES = (
    *("timestamp", "actual_q", "actual_TCP_pose", "actual_TCP_speed", "actual_TCP_force"),
    *("robot_mode", "safety_mode"),
)
ANSWER_S = 2.0
STALE_NS = 200_000_000
FURTHEST_M = 5.0  # nothing a UR measures is further away
NORMAL, REDUCED, RUNNING = 1, 2, 7
CLEAR = "see what it met, make room, then: hilctl robot clear-errors"
SAFETY = {  # safety modes that stop the arm: what they are, and what helps
    3: ("has made a protective stop", CLEAR),
    4: ("is in recovery", "move it back inside its safety limits at the pendant"),
    5: ("is held by a safeguard stop", "close the safeguard, then: hilctl robot clear-errors"),
    6: ("is stopped by an emergency stop", "release it and power the arm on at the pendant"),
    7: ("is stopped by its emergency stop", "release it and power the arm on at the pendant"),
    8: ("has violated a safety limit", "restart its safety system at the pendant"),
    9: ("has a safety fault", "restart its safety system at the pendant"),
}
POWER = "power it on and release its brakes at the pendant"
EMERGENCY = "press the emergency stop if the arm moves"


class UrController:
    """The stream of states of a UR.

    Args:
        host: of the controller.

    Raises:
        DeviceError: it cannot be reached.
    """

    def __init__(self, host: str) -> None:
        import rtde_receive

        self._host = host
        self._time_s, self._seen_ns = -1.0, time.monotonic_ns()
        _require_speaking(host)  # the library waits for ever, and holds Python's lock meanwhile
        try:
            self._receive: Any = rtde_receive.RTDEReceiveInterface(
                address_of(host), RATE_HZ, list(VARIABLES)
            )
        except Exception as error:
            raise ur_fault("reading", host, error) from error
        self.read()

    @property
    def seen_ns(self) -> int:
        """When the newest state came, on the computer's monotonic clock."""
        return self._seen_ns

    def read(self) -> tuple[Array, Array, Array, Array]:
        """Return pose (7,), velocity (6,), wrench (6,) in the tcp frame, and joints (6,).

        Raises:
            DeviceError: the controller says nothing any more, or what cannot be.
        """
        try:
            pose, velocity, wrench, q = (
                np.array(numbers, dtype=float)
                for numbers in (
                    self._receive.getActualTCPPose(),
                    self._receive.getActualTCPSpeed(),
                    self._receive.getActualTCPForce(),
                    self._receive.getActualQ(),
                )
            )
            self.require_news()
        except DeviceError:
            raise
        except Exception as error:
            raise ur_fault("reading", self._host, error) from error
        measured = np.concatenate([pose, velocity, wrench, q])
        if not np.isfinite(measured).all() or np.abs(pose[:3]).max() > FURTHEST_M:
            raise DeviceError(
                "the UR's controller sends numbers that cannot be", where=self._host, hint=EMERGENCY
            )
        quat = geometry.quat_from_rotvec(pose[3:])
        back = geometry.quat_conjugate(quat)
        force, torque = (geometry.rotate(back, half) for half in wrench.reshape(2, 3))
        return geometry.pose(pose[:3], quat), velocity, np.concatenate([force, torque]), q

    @property
    def is_stopped_for_safety(self) -> bool:
        """Whether a safety function has stopped the arm."""
        return self._receive.getSafetyMode() not in (NORMAL, REDUCED)

    def unfit(self) -> DeviceError | None:
        """Return why the arm may not move; None = it may."""
        safety, mode = self._receive.getSafetyMode(), self._receive.getRobotMode()
        if safety not in (NORMAL, REDUCED):
            what, hint = SAFETY.get(safety, ("is in an unknown safety mode", CLEAR))
            return DeviceError(f"the UR {what}", where=self._host, hint=hint)
        if mode != RUNNING:
            return DeviceError("the UR is not running", where=self._host, hint=POWER)
        return None

    def require_news(self) -> None:
        """See that the controller's time goes on.

        Raises:
            DeviceError: it does not: what is read now is old.
        """
        now_ns, time_s = time.monotonic_ns(), float(self._receive.getTimestamp())
        if time_s != self._time_s:
            self._time_s, self._seen_ns = time_s, now_ns
        elif now_ns - self._seen_ns > STALE_NS:
            silent_s = (now_ns - self._seen_ns) * 1e-9
            raise StaleStateError(
                f"the UR's controller has said nothing for {silent_s:.1f} s",
                where=self._host,
                hint=f"is its network cable in, is it powered? {EMERGENCY}; then: hilctl doctor",
            )

    def close(self) -> None:
        """Hang up; never raises."""
        with suppress(Exception):
            self._receive.disconnect()


def ur_fault(doing: str, host: str, error: Exception) -> DeviceError:
    """Return what went wrong in the library as a fault of the arm."""
    if "remote control" in str(error).lower():
        hint = "switch it to Remote Control at its pendant"
    else:
        hint = f"is it switched on, is its address right? {EMERGENCY}; then: hilctl doctor"
    return DeviceError(f"{doing} the UR failed: {error}", where=host, hint=hint)


def end_program(host: str) -> None:
    """End the program that moves a UR; the arm comes to rest.

    Raises:
        DeviceError: its controller could not be told.
    """
    ask_dashboard(host, "stop")


def ask_dashboard(host: str, line: str) -> str:
    """Return what the dashboard server answers.

    Raises:
        DeviceError: it does not.
    """
    server = LineServer("UR's dashboard server", host, DASHBOARD_PORT, ANSWER_S, greets=True)
    try:
        return server.ask(line)
    finally:
        server.close()


def _require_speaking(host: str) -> None:
    """Check that a controller answers in RTDE, version 2.

    Raises:
        DeviceError: it does not.
    """
    asked = struct.pack(">HBH", 5, ord("V"), 2)
    try:
        with connected(host, RTDE_PORT, ANSWER_S) as connection:
            connection.settimeout(ANSWER_S)
            connection.sendall(asked)
            answer = connection.recv(4)
    except OSError as error:
        why = "no answer in time" if isinstance(error, TimeoutError) else str(error)
        raise DeviceError(
            f"the UR's controller cannot be reached: {why}",
            where=f"{host}:{RTDE_PORT}",
            hint="is it switched on, and its address in task.yaml right? then: hilctl doctor",
        ) from error
    if len(answer) < 4 or answer[2] != ord("V") or answer[3] != 1:
        raise DeviceError(
            "what answers there is no UR that speaks RTDE 2",
            where=f"{host}:{RTDE_PORT}",
            hint="see that its address in task.yaml is right, and its PolyScope 3.4 or newer",
        )
