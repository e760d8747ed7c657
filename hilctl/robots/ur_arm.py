"""One connection to a UR's controller: states out, a reference in by `servoL`, a stop.

A thread of its own streams the reference, as the controller wants a new one every period. It
streams only while states come in and nothing has stopped the arm; what it was doing before, it does
not take up again by itself.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.errors import DeviceError
from hilctl.robots.line_server import LineServer
from hilctl.robots.yielding import YieldingReference

Array = NDArray[np.float64]

RTDE_PORT, DASHBOARD_PORT = 30004, 29999
RATE_HZ = 125.0
VARIABLES = (
    *("timestamp", "actual_q", "actual_TCP_pose", "actual_TCP_speed", "actual_TCP_force"),
    *("robot_mode", "safety_mode"),
)
ANSWER_S = 2.0
HALT_S = 0.5  # that the stream takes at most to stop the arm
ERRAND_S = 10.0
STALE_NS = 100_000_000
WATCHDOG_HZ = 2.0  # the arm's program ends when it hears less often from here
FEED_S = 0.1
DECELERATION_M_S2 = 5.0
FIRST_PACE_S, LEAST_PACE_S, MOST_PACE_S = 0.1, 0.02, 0.2
FURTHEST_M = 5.0  # nothing a UR measures is further away, or anything faster
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


class UrArm:
    """A UR that is connected.

    Args:
        host: of its controller.
        reference: how what is streamed runs to a target.
        lookahead_s: over which the controller smooths it.
        gain: with which it is followed.

    Raises:
        DeviceError: it cannot be reached.
    """

    def __init__(
        self, host: str, reference: YieldingReference, lookahead_s: float, gain: float
    ) -> None:
        import rtde_receive

        self._host = host
        self._yielding, self._lookahead_s, self._gain = reference, lookahead_s, gain
        self._changed = threading.Condition()
        self._target: Array | None = None
        self._reference: Array | None = None
        self._pace_s, self._told_s = FIRST_PACE_S, 0.0
        self._errand: Callable[[], None] | None = None
        self._failed: DeviceError | None = None
        self._holds, self._over = True, False
        self._time_s, self._seen_ns = -1.0, time.monotonic_ns()
        self._control: Any = None
        _require_speaking(host)  # the library waits for ever, and holds Python's lock meanwhile
        try:
            self._receive = rtde_receive.RTDEReceiveInterface(host, RATE_HZ, list(VARIABLES))
        except Exception as error:
            raise self._fault("reading", error) from error
        self.read()
        if self.unfit() is None:
            self._take_control()
        self._thread = threading.Thread(target=self._run, name="ur stream", daemon=True)
        self._thread.start()

    @property
    def age_ns(self) -> int:
        """How old the newest state is."""
        return time.monotonic_ns() - self._seen_ns

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
            self._look_at_the_clock()
        except DeviceError:
            raise
        except Exception as error:
            raise self._fault("reading", error) from error
        measured = np.concatenate([pose, velocity, wrench, q])
        if not np.isfinite(measured).all() or np.abs(pose[:3]).max() > FURTHEST_M:
            raise DeviceError(
                "the UR's controller sends numbers that cannot be", where=self._host, hint=EMERGENCY
            )
        quat = geometry.quat_from_rotvec(pose[3:])
        back = geometry.quat_conjugate(quat)
        force, torque = (geometry.rotate(back, half) for half in wrench.reshape(2, 3))
        return geometry.pose(pose[:3], quat), velocity, np.concatenate([force, torque]), q

    def unfit(self) -> DeviceError | None:
        """Return why the arm may not move; None = it may."""
        safety, mode = self._receive.getSafetyMode(), self._receive.getRobotMode()
        if safety not in (NORMAL, REDUCED):
            what, hint = SAFETY.get(safety, ("is in an unknown safety mode", CLEAR))
            return DeviceError(f"the UR {what}", where=self._host, hint=hint)
        if mode != RUNNING:
            return DeviceError("the UR is not running", where=self._host, hint=POWER)
        if self._control is not None and not self._control.isProgramRunning():
            return DeviceError("the UR's program has ended", where=self._host, hint=CLEAR)
        return None

    def run_to(self, target: Array) -> None:
        """Let the reference run to a (7,) pose; do not wait.

        Raises:
            DeviceError: the arm may not move, or its controller is silent.
        """
        self._look_at_the_clock()
        if fault := self.unfit():
            raise fault
        if self._control is None:
            raise DeviceError("the UR has been stopped before", where=self._host, hint=CLEAR)
        with self._changed:
            now_s = time.monotonic()
            apart_s = now_s - self._told_s
            known = LEAST_PACE_S / 2 < apart_s < MOST_PACE_S
            self._pace_s = max(LEAST_PACE_S, apart_s) if known else FIRST_PACE_S
            self._told_s, self._target, self._holds = now_s, target.copy(), False
            self._changed.notify_all()

    def halt(self) -> None:
        """Stop the arm, from any thread; return when its controller has been told.

        Raises:
            DeviceError: it could not be told.
        """
        with self._changed:
            self._target = None
            self._changed.notify_all()
            if self._changed.wait_for(lambda: self._holds, HALT_S):
                return
        end_program(self._host)  # the stream hangs

    def clear(self) -> None:
        """Release a protective stop, and have the arm's program run again.

        Raises:
            DeviceError: it is not released.
        """
        if self._receive.getSafetyMode() not in (NORMAL, REDUCED):
            _ask_dashboard(self._host, "close safety popup")
            answer = _ask_dashboard(self._host, "unlock protective stop")
            if "releasing" not in answer:
                raise DeviceError(f"the UR says: {answer}", where=self._host, hint=CLEAR)
        self._wait_for(lambda: self._receive.getSafetyMode() in (NORMAL, REDUCED))
        self._run_errand(self._restart)
        self._wait_for(lambda: self.unfit() is None)

    def zero_force(self) -> None:
        """Take what presses on the tool now as nothing.

        Raises:
            DeviceError: the controller does not.
        """
        if self._control is None:
            raise self.unfit() or DeviceError("the UR has been stopped before", hint=CLEAR)
        self._run_errand(self._control.zeroFtSensor)

    def end(self) -> None:
        """Stop, and end the arm's program; never raises."""
        with suppress(Exception):
            self.halt()
        with self._changed:
            self._over = True
            self._changed.notify_all()
        self._thread.join(HALT_S)
        with suppress(Exception):
            self._control.stopScript()

    def close(self) -> None:
        """End, and hang up; never raises."""
        self.end()
        for connection in (self._control, self._receive):
            with suppress(Exception):
                connection.disconnect()

    def _look_at_the_clock(self) -> None:
        """See that the controller's time goes on.

        Raises:
            DeviceError: it does not: what is read now is old.
        """
        now_ns, time_s = time.monotonic_ns(), float(self._receive.getTimestamp())
        if time_s != self._time_s:
            self._time_s, self._seen_ns = time_s, now_ns
        elif now_ns - self._seen_ns > STALE_NS:
            silent_s = (now_ns - self._seen_ns) * 1e-9
            raise DeviceError(
                f"the UR's controller has said nothing for {silent_s:.1f} s",
                where=self._host,
                hint=f"is its network cable in, is it powered? {EMERGENCY}; then: hilctl doctor",
            )

    def _take_control(self) -> None:
        """Have the library's program run on the arm; it waits there for what it is told.

        Raises:
            DeviceError: the controller does not take it.
        """
        import rtde_control

        try:
            self._control = rtde_control.RTDEControlInterface(self._host, RATE_HZ)
            self._control.setWatchdog(WATCHDOG_HZ)
        except Exception as error:
            raise self._fault("taking control of", error) from error

    def _restart(self) -> None:
        if self._control is None:
            self._take_control()
            return
        self._control.reuploadScript()
        self._control.setWatchdog(WATCHDOG_HZ)

    def _wait_for(self, is_so: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + ANSWER_S
        while not is_so():
            if time.monotonic() > deadline_s:
                raise self.unfit() or DeviceError("the UR stays stopped", hint=CLEAR)
            time.sleep(0.02)

    def _run_errand(self, errand: Callable[[], Any]) -> None:
        """Have the stream's thread do something between two references.

        Raises:
            DeviceError: it fails, or takes too long.
        """
        with self._changed:
            self._errand, self._failed = errand, None
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._errand is None, ERRAND_S):
                raise DeviceError("the UR takes too long", where=self._host, hint=CLEAR)
        if self._failed is not None:
            raise self._failed

    def _run(self) -> None:
        period_s, fed_s = 1.0 / RATE_HZ, 0.0
        due_s = time.monotonic()
        while not self._over:
            due_s = max(due_s + period_s, time.monotonic())
            time.sleep(max(0.0, due_s - time.monotonic()))
            with self._changed:
                target, errand, holds = self._target, self._errand, self._holds
            try:
                if errand is not None:
                    errand()
                elif target is not None:
                    self._stream(target)
                    fed_s = due_s
                elif not holds:
                    self._hold()
                elif due_s - fed_s > FEED_S and self._control is not None:
                    self._control.kickWatchdog()
                    fed_s = due_s
            except Exception as error:
                self._give_up(error if isinstance(error, DeviceError) else self._fault("", error))
            if errand is not None:
                with self._changed:
                    self._errand = None
                    self._changed.notify_all()

    def _stream(self, target: Array) -> None:
        """Stream the next reference.

        Raises:
            DeviceError: the controller is silent, or does not take it.
        """
        pose, _, wrench, _ = self.read()
        force = geometry.rotate(pose[3:], wrench[:3])
        reference = pose if self._reference is None else self._reference
        period_s = 1.0 / RATE_HZ
        reference = self._yielding.next(reference, target, force, self._pace_s, period_s)
        numbers = [*reference[:3], *geometry.rotvec_from_quat(reference[3:])]
        told = self._control.servoL(
            list(map(float, numbers)), 0.0, 0.0, period_s, self._lookahead_s, self._gain
        )
        if not told:
            raise self.unfit() or DeviceError("the UR does not follow", where=self._host)
        self._reference = reference

    def _hold(self) -> None:
        """Stop following, and say so to whoever waits for it."""
        self._reference = None
        if self._control is not None and self._control.isProgramRunning():
            self._control.servoStop(DECELERATION_M_S2)
        with self._changed:
            if self._target is None:
                self._holds = True
                self._changed.notify_all()

    def _give_up(self, fault: DeviceError) -> None:
        """Stream no more until somebody says where to again."""
        self._reference = None
        with self._changed:
            self._target, self._failed = None, fault
            self._changed.notify_all()

    def _fault(self, doing: str, error: Exception) -> DeviceError:
        if "remote control" in str(error).lower():
            hint = "switch it to Remote Control at its pendant"
        else:
            hint = f"is it switched on, is its address right? {EMERGENCY}; then: hilctl doctor"
        return DeviceError(
            f"{doing or 'driving'} the UR failed: {error}", where=self._host, hint=hint
        )


def end_program(host: str) -> None:
    """End the program that moves a UR; the arm comes to rest.

    Raises:
        DeviceError: its controller could not be told.
    """
    _ask_dashboard(host, "stop")


def _ask_dashboard(host: str, line: str) -> str:
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
        with socket.create_connection((host, RTDE_PORT), timeout=ANSWER_S) as connection:
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
