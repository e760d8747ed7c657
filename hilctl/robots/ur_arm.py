"""A UR that is led: a reference that runs to a target is streamed to it by `servoL`, or it holds.

A thread of its own streams the reference, as the controller wants a new one every period. It
streams only while states come in and nothing has stopped the arm; what it was doing before, it does
not take up again by itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.errors import DeviceError
from hilctl.host_names import address_of
from hilctl.robots.ur_controller import (
    ANSWER_S,
    CLEAR,
    RATE_HZ,
    UrController,
    ask_dashboard,
    end_program,
    ur_fault,
)
from hilctl.robots.yielding import YieldingReference

Array = NDArray[np.float64]

HALT_S = 0.5  # that the stream takes at most to stop the arm
ERRAND_S = 10.0
WATCHDOG_HZ = 2.0  # the arm's program ends when it hears less often from here
FEED_S = 0.1
DECELERATION_M_S2 = 5.0
FIRST_PACE_S, LEAST_PACE_S, MOST_PACE_S = 0.1, 0.02, 0.2
BEFORE = "the UR has been stopped before"


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
        self._host = host
        self._yielding, self._lookahead_s, self._gain = reference, lookahead_s, gain
        self._changed = threading.Condition()
        self._target: Array | None = None
        self._reference: Array | None = None
        self._pace_s, self._told_s = FIRST_PACE_S, 0.0
        self._errand: Callable[[], None] | None = None
        self._failed: DeviceError | None = None
        self._holds, self._over = True, False
        self._control: Any = None
        self.controller = UrController(host)
        if self.controller.unfit() is None:
            self._take_control()
        self._thread = threading.Thread(target=self._run, name="ur stream", daemon=True)
        self._thread.start()

    def unfit(self) -> DeviceError | None:
        """Return why the arm may not move; None = it may."""
        if (fault := self.controller.unfit()) is not None:
            return fault
        if self._control is None:
            return DeviceError(BEFORE, where=self._host, hint=CLEAR)
        if not self._control.isProgramRunning():
            return DeviceError("the UR's program has ended", where=self._host, hint=CLEAR)
        return None

    def run_to(self, target: Array) -> None:
        """Let the reference run to a (7,) pose; do not wait.

        Raises:
            DeviceError: the arm may not move, or its controller is silent.
        """
        self.controller.require_news()
        if fault := self.unfit():
            raise fault
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
        if self.controller.is_stopped_for_safety:
            ask_dashboard(self._host, "close safety popup")
            answer = ask_dashboard(self._host, "unlock protective stop")
            if "releasing" not in answer:
                raise DeviceError(f"the UR says: {answer}", where=self._host, hint=CLEAR)
        self._wait_for(lambda: self.controller.unfit() is None)
        self._run_errand(self._restart)
        self._wait_for(lambda: self.unfit() is None)

    def zero_force(self) -> None:
        """Take what presses on the tool now as nothing.

        Raises:
            DeviceError: the controller does not.
        """
        if fault := self.unfit():
            raise fault
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
        with suppress(Exception):
            self._control.disconnect()
        self.controller.close()

    def _take_control(self) -> None:
        """Have the library's program run on the arm; it waits there for what it is told.

        Raises:
            DeviceError: the controller does not take it.
        """
        import rtde_control

        try:
            self._control = rtde_control.RTDEControlInterface(address_of(self._host), RATE_HZ)
            self._control.setWatchdog(WATCHDOG_HZ)
        except Exception as error:
            raise ur_fault("taking control of", self._host, error) from error

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
                raise self.unfit() or DeviceError(BEFORE, where=self._host, hint=CLEAR)
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
            except DeviceError as fault:
                self._give_up(fault)
            except Exception as error:
                self._give_up(ur_fault("driving", self._host, error))
            if errand is not None:
                with self._changed:
                    self._errand = None
                    self._changed.notify_all()

    def _stream(self, target: Array) -> None:
        """Stream the next reference.

        Raises:
            DeviceError: the controller is silent, or does not take it.
        """
        pose, _, wrench, _ = self.controller.read()
        force = geometry.rotate(pose[3:], wrench[:3])
        reference = pose if self._reference is None else self._reference
        period_s = 1.0 / RATE_HZ
        reference = self._yielding.next(reference, target, force, self._pace_s, period_s)
        numbers = [*reference[:3], *geometry.rotvec_from_quat(reference[3:])]
        told = self._control.servoL(
            list(map(float, numbers)), 0.0, 0.0, period_s, self._lookahead_s, self._gain
        )
        if not told:
            raise self.unfit() or DeviceError(
                "the UR does not follow", where=self._host, hint=CLEAR
            )
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
