"""Six servos on a bus as an arm: a thread of its own reads them, and leads them to a pose.

Servos go to positions, and hang below them under load. So a pose is turned into angles anew each
period, from where the servos are; and what they lack at rest is added to what they are told.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilctl.clock import Clock
from hilctl.errors import DeviceError
from hilctl.robots.feetech_bus import FeetechBus, signed
from hilctl.robots.kinematics import ArmKinematics
from hilctl.robots.so101_motors import (
    ACCELERATION,
    GOAL,
    PRESENT,
    PRESENT_BYTES,
    SPEED_SIGN,
    TORQUE,
    TORQUE_LIMIT,
    TURN_TICKS,
    So101Motors,
)
from hilctl.robots.yielding import YieldingReference

Array = NDArray[np.float64]

PERIOD_S = 0.01
PACE_S = 0.1
STALE_S = 0.2
FIRST_S, END_S, HALT_S = 2.0, 1.0, 0.5
ITERATIONS = 3
CORRECTION = 4.0  # share of what a joint lacks that is added in a second
LEARN_S, LEARNING = 0.4, 10.0  # at first, the arm held where it is: how long, and that share
MOST_RAD = 0.15  # that is added
FASTEST_ACCELERATION = 254


@dataclass(frozen=True)
class ServoReading:
    """What the servos measure: (5,) joints in rad and rad/s, opening 0 to 1, and when."""

    q: Array
    dq: Array
    opening: float
    stamp_ns: int


class So101Arm:
    """An arm that is connected; its servos are without torque until it is led.

    Args:
        bus: it is on.
        motors: what its servos are.
        kinematics: of its joints; nobody else uses it.
        reference: how what it is led by runs to a target.
        grip: share of its torque that the gripper may use.
        clock: stamps are told by.

    Raises:
        DeviceError: it cannot be read.
    """

    def __init__(
        self,
        bus: FeetechBus,
        motors: So101Motors,
        kinematics: ArmKinematics,
        reference: YieldingReference,
        grip: float,
        clock: Clock,
    ) -> None:
        self._bus, self._motors, self._kinematics = bus, motors, kinematics
        self._run_reference, self._grip_ticks = reference, round(1000 * grip)
        self._clock = clock
        self._changed = threading.Condition()
        self._newest: ServoReading | None = None
        self._fault: DeviceError | None = None
        self._target: Array | None = None
        self._opening: float | None = None
        self._reference: Array | None = None
        self._beyond = np.zeros(5)  # rad, by which the servos hang below what they are told
        self._has_torque = self._halting = self._over = False
        self._read_s, self._learnt_s = time.monotonic(), 0.0
        self._thread = threading.Thread(target=self._run, name="so101", daemon=True)
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._newest or self._fault, FIRST_S)
        if self._newest is None:
            fault = self._fault or bus.silent(motors.ids)
            self.close()
            raise fault

    def read(self) -> ServoReading:
        """Return the newest measurement.

        Raises:
            DeviceError: there has been none for too long.
        """
        if self._fault is not None:
            raise self._fault
        assert self._newest is not None
        return self._newest

    def run_to(self, target: Array | None, opening: float | None) -> None:
        """Let the reference run to a (7,) pose and the gripper open, 0 to 1; None = as it is.

        Raises:
            DeviceError: the servos do not answer any more.
        """
        self.read()
        with self._changed:
            if target is not None:
                self._target = target.copy()
            if opening is not None:
                self._opening = opening

    def halt(self) -> None:
        """Hold where the arm is, from any thread.

        Raises:
            DeviceError: the servos could not be told.
        """
        with self._changed:
            self._target = None
            if not self._has_torque or self._over:
                return
            self._halting = True
            if not self._changed.wait_for(lambda: not self._halting, HALT_S):
                raise self._fault or self._bus.silent(self._motors.ids)

    def close(self, *, limp: bool = True) -> None:
        """Give the port back, the servos without torque or as they are; never raises."""
        with self._changed:
            self._over = True
        self._thread.join(END_S)
        if limp and self._has_torque:
            for servo in self._motors.ids:
                with suppress(DeviceError):
                    self._bus.write(servo, TORQUE, 1, 0)
        self._bus.close()

    def _run(self) -> None:
        due_s = time.monotonic()
        while not self._over and self._fault is None:
            due_s = max(due_s + PERIOD_S, time.monotonic())
            time.sleep(max(0.0, due_s - time.monotonic()))
            try:
                reading = self._read()
                if reading is not None:
                    self._lead(reading)
            except DeviceError as fault:
                self._fault = fault
            except Exception as error:
                self._fault = DeviceError(f"the arm has failed: {error}", hint="hilctl doctor")
            with self._changed:
                self._changed.notify_all()

    def _read(self) -> ServoReading | None:
        """Return what the servos measure; None where some did not answer in time.

        Raises:
            DeviceError: that goes on.
        """
        answers = self._bus.read_all(self._motors.ids, PRESENT, PRESENT_BYTES)
        now_s = time.monotonic()
        ticks = {servo: int.from_bytes(data[:2], "little") for servo, data in answers.items()}
        lost = [servo for servo in self._motors.ids if ticks.get(servo, TURN_TICKS) >= TURN_TICKS]
        if lost:  # they say nothing, or that they are where they cannot be
            if now_s - self._read_s > STALE_S:
                raise self._bus.silent(lost)
            return None
        self._read_s = now_s
        speeds = {
            servo: signed(int.from_bytes(data[2:4], "little"), SPEED_SIGN)
            for servo, data in answers.items()
        }
        reading = ServoReading(
            q=self._motors.angles(ticks),
            dq=self._motors.speeds(speeds),
            opening=self._motors.opening(ticks[self._motors.gripper_id]),
            stamp_ns=self._clock.now_ns(),
        )
        with self._changed:
            self._newest = reading
        return reading

    def _lead(self, reading: ServoReading) -> None:
        """Tell the servos where to go in this period.

        Raises:
            DeviceError: they do not answer.
        """
        with self._changed:
            target, opening, halting = self._target, self._opening, self._halting
        if target is None and opening is None and not self._has_torque:
            return
        if not self._has_torque:
            self._switch_torque_on(reading)
        if halting or self._reference is None:
            self._reference = self._kinematics.tool_pose(reading.q)
        learns = time.monotonic() < self._learnt_s
        if target is not None and not (learns or halting):
            nothing = np.zeros(3)
            self._reference = self._run_reference.next(
                self._reference, target, nothing, PACE_S, PERIOD_S
            )
        angles = self._kinematics.joints_for(self._reference, reading.q, ITERATIONS)
        if not halting:
            share = LEARNING if learns else CORRECTION
            further = self._beyond + share * PERIOD_S * (angles - reading.q)
            self._beyond = np.clip(further, -MOST_RAD, MOST_RAD)
        goals = self._motors.ticks(angles + self._beyond)
        if opening is not None:
            goals[self._motors.gripper_id] = self._motors.gripper_ticks(opening)
        self._bus.write_all(GOAL, 2, goals)
        if halting:
            with self._changed:
                self._halting = False

    def _switch_torque_on(self, reading: ServoReading) -> None:
        """Have the servos hold where they are: what they were told last is old.

        Raises:
            DeviceError: they do not answer.
        """
        gripper = self._motors.gripper_id
        here = self._motors.ticks(reading.q)
        self._bus.write(gripper, TORQUE_LIMIT, 2, self._grip_ticks)
        self._bus.write_all(GOAL, 2, {**here, gripper: self._motors.gripper_ticks(reading.opening)})
        self._has_torque, self._beyond = True, np.zeros(5)
        self._learnt_s = time.monotonic() + LEARN_S
        for servo in self._motors.ids:
            self._bus.write(servo, ACCELERATION, 1, FASTEST_ACCELERATION)
            self._bus.write(servo, TORQUE, 1, 1)
