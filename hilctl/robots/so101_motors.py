"""The six servos of an SO-100 or SO-101: which they are, and what their numbers mean."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from hilctl.errors import DeviceError
from hilctl.robots.feetech_bus import FeetechBus, signed

Array = NDArray[np.float64]

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll")
GRIPPER = "gripper"
STS3215 = 777
TURN_TICKS = 4096
RAD_PER_TICK = 2 * math.pi / TURN_TICKS
MODEL, OFFSET, MODE = 3, 31, 33  # registers
TORQUE, ACCELERATION, GOAL, TORQUE_LIMIT, PRESENT = 40, 41, 42, 48, 56
PRESENT_BYTES = 6  # position, speed, load
OFFSET_SIGN, SPEED_SIGN = 11, 15
WAKING_S = 1.0  # of servos that have just got their power; a busy computer takes time to listen
CALIBRATE = "calibrate the arm with LeRobot (lerobot-calibrate), and say where its file is"


class MotorCalibration(BaseModel):
    """One servo, as LeRobot's calibration file has it: positions are ticks, 4096 a turn."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: int = Field(ge=1, le=252)
    drive_mode: int = Field(default=0, ge=0, le=1)
    homing_offset: int = Field(ge=-2047, le=2047)
    range_min: int = Field(ge=0, lt=TURN_TICKS)
    range_max: int = Field(ge=0, lt=TURN_TICKS)

    @property
    def middle(self) -> float:
        """Where its angle is zero."""
        return (self.range_min + self.range_max) / 2

    @property
    def sign(self) -> int:
        """Which way its angle grows."""
        return -1 if self.drive_mode else 1


class So101Motors:
    """Turn ticks into angles, and back.

    Args:
        file: LeRobot's calibration of the arm.

    Raises:
        DeviceError: it cannot be read, or is of another arm.
    """

    def __init__(self, file: Path) -> None:
        try:
            text = file.read_bytes()
            adapter = TypeAdapter(Mapping[str, MotorCalibration])
            found = adapter.validate_json(text)
        except OSError as error:
            raise DeviceError(
                f"the arm's calibration cannot be read: {error.strerror}",
                where=str(file),
                hint=CALIBRATE,
            ) from error
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise DeviceError(
                f"the arm's calibration is damaged: {place}: {first['msg']}",
                where=str(file),
                hint=CALIBRATE,
            ) from error
        missing = {*JOINTS, GRIPPER} - {*found}
        flat = [name for name, motor in found.items() if motor.range_min >= motor.range_max]
        ids = [motor.id for motor in found.values()]
        if missing or flat or len(set(ids)) < len(ids):
            raise DeviceError(
                "the arm's calibration is of another arm: it lacks "
                + ", ".join(sorted(missing) or flat or ["ids of their own"]),
                where=str(file),
                hint=CALIBRATE,
            )
        self._where = str(file)
        self._joints = [found[name] for name in JOINTS]
        self._gripper = found[GRIPPER]

    @property
    def joint_ids(self) -> list[int]:
        """Of the five joints, from the base on."""
        return [motor.id for motor in self._joints]

    @property
    def gripper_id(self) -> int:
        """Of the gripper."""
        return self._gripper.id

    @property
    def ids(self) -> list[int]:
        """Of all six."""
        return [*self.joint_ids, self.gripper_id]

    @property
    def limits_rad(self) -> tuple[Array, Array]:
        """Lowest and highest angles that were calibrated, each (5,)."""
        halves = [(motor.range_max - motor.range_min) / 2 * RAD_PER_TICK for motor in self._joints]
        return -np.array(halves), np.array(halves)

    def angles(self, ticks: Mapping[int, int]) -> Array:
        """Return the (5,) joint angles in rad."""
        return np.array(
            [m.sign * (ticks[m.id] - m.middle) * RAD_PER_TICK for m in self._joints], dtype=float
        )

    def speeds(self, ticks_s: Mapping[int, int]) -> Array:
        """Return the (5,) joint speeds in rad/s."""
        return np.array([m.sign * ticks_s[m.id] * RAD_PER_TICK for m in self._joints], dtype=float)

    def ticks(self, angles: Array) -> dict[int, int]:
        """Return where the servos of (5,) joint angles are, kept within what was calibrated."""
        return {
            m.id: _within(m, m.sign * float(angle) / RAD_PER_TICK + m.middle)
            for m, angle in zip(self._joints, angles, strict=True)
        }

    def opening(self, ticks: int) -> float:
        """Return how far the gripper is open, 0 to 1."""
        gripper = self._gripper
        share = (ticks - gripper.range_min) / (gripper.range_max - gripper.range_min)
        return min(1.0, max(0.0, 1.0 - share if gripper.drive_mode else share))

    def gripper_ticks(self, opening: float) -> int:
        """Return where the gripper's servo is when it is so far open, 0 to 1."""
        gripper = self._gripper
        share = 1.0 - opening if gripper.drive_mode else opening
        return _within(gripper, gripper.range_min + share * (gripper.range_max - gripper.range_min))

    def require_on(self, bus: FeetechBus) -> None:
        """Check that these servos are on a bus, as they were calibrated.

        Raises:
            DeviceError: they are not.
        """
        deadline_s = time.monotonic() + WAKING_S
        silent = [servo for servo in self.ids if not bus.ping(servo)]
        while silent and time.monotonic() < deadline_s:
            silent = [servo for servo in silent if not bus.ping(servo)]
        if silent:
            raise bus.silent(silent)
        for name, motor in zip((*JOINTS, GRIPPER), (*self._joints, self._gripper), strict=True):
            model = bus.read(motor.id, MODEL, 2)
            if model != STS3215:
                raise DeviceError(
                    f"servo {motor.id} ({name}) is of model {model}, not an STS3215 ({STS3215})",
                    hint="see that the port is the arm's: ls -l /dev/serial/by-id",
                )
            offset = signed(bus.read(motor.id, OFFSET, 2), OFFSET_SIGN)
            if offset != motor.homing_offset:
                raise DeviceError(
                    f"servo {motor.id} ({name}) was calibrated at another time than the file: its "
                    f"offset is {offset}, there {motor.homing_offset}",
                    where=self._where,
                    hint=CALIBRATE,
                )
            if bus.read(motor.id, MODE, 1) != 0:
                raise DeviceError(
                    f"servo {motor.id} ({name}) does not go to positions: its mode is another",
                    hint="set it up with LeRobot (lerobot-setup-motors)",
                )


def _within(motor: MotorCalibration, ticks: float) -> int:
    return round(min(motor.range_max, max(motor.range_min, ticks)))
