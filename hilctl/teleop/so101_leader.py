"""The leader arm of an SO-100 or SO-101 as a hand: the tool goes as the leader's does.

Its servos are without torque, so that a person moves it. What counts is how far its tool has gone
since the person took charge, not where it is: the robot never jumps to it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hilctl import geometry
from hilctl.devices import Finding, Options
from hilctl.errors import DeviceError
from hilctl.robots.feetech_bus import FeetechBus
from hilctl.robots.so101_description import So101Description
from hilctl.robots.so101_motors import PRESENT, PRESENT_BYTES, TORQUE, So101Motors
from hilctl.teleop.base import Role, TeleopEvent, TeleopStatus
from hilctl.teleop.buttoned import ButtonedOptions, ButtonedTeleop, Buttons, Does
from hilctl.teleop.human import DRIVING, STANDS, HandReading

Array = NDArray[np.float64]

PERIOD_S, RETRY_S = 0.02, 1.0
STALE_S = 0.2
END_S = 2.0
LOOK_BACK_S = 0.1
MOVED_M, MOVED_RAD = 0.003, 0.03  # in that time: a hand on it; less is a table that shakes
STILL_M, STILL_RAD = 0.001, 0.01  # that the robot lacks without being told
MOST_ACTIONS = 5.0  # that the robot may be behind; it does not make up for more
CLOSED, OPENED = 0.35, 0.65
GRIP_S = 0.6  # for which a gripper is told, so that a continuous one goes all the way


class So101LeaderOptions(ButtonedOptions, So101Description):
    """Which arm is the leader."""

    frame: Literal["base"] = Field(default="base", description="the leader has axes of its own")
    buttons: Mapping[str, Does] = Field(default={}, max_length=0, description="it has none")


@dataclass(frozen=True)
class _Leader:
    q: Array
    opening: float
    stamp_s: float
    present: bool = True


class So101LeaderTeleop(ButtonedTeleop):
    """A leader arm, read by a thread."""

    OptionsType: ClassVar[type[Options]] = So101LeaderOptions
    is_unique: ClassVar[bool] = True

    _thread: threading.Thread | None = None

    @classmethod
    def key_map(cls, options: Options) -> Mapping[str, TeleopEvent | str]:
        """Return what the arm does, and each key."""
        return {"the leader": "tool and gripper", **super().key_map(options)}

    @classmethod
    def probe(cls, options: Options) -> list[Finding]:
        """Report whether the port is there."""
        return [cast(So101LeaderOptions, options).port_found()]

    @property
    def settings(self) -> So101LeaderOptions:
        """The validated options."""
        return cast(So101LeaderOptions, self.options)

    def open(self) -> None:
        """Find the leader's servos, and take the torque off them.

        Raises:
            DeviceError: one of them does not answer, or is not what was calibrated.
        """
        folder = self.rig.folder
        self._motors = self.settings.motors(folder)
        self._kinematics = self.settings.kinematics(folder)
        bus = self._opened_bus()
        try:
            first = _read(bus, self._motors)
        except BaseException:
            bus.close()
            raise
        self._now, self._was_present = first, True
        self._buttons = Buttons({})
        self._been: deque[tuple[float, Array]] = deque()
        self._anchor: tuple[Array, Array] | None = None
        self._anchor_moved_s = -1e9
        self._is_closed, self._grip, self._grip_until_s = first.opening < CLOSED, 0, -1e9
        self._over = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(bus,), name="so101 leader", daemon=True
        )
        self._thread.start()
        self.open_keys()

    def close(self) -> None:
        """Let go of the arm."""
        self.close_keys()
        if self._thread is not None:
            self._over.set()
            self._thread.join(END_S)
            self._thread = None

    def begin_episode(self, role: Role) -> None:
        """Take the leader's place now as the beginning."""
        super().begin_episode(role)
        self._anchor = None
        self._grip_until_s = -1e9

    def status(self) -> TeleopStatus:
        """Return which arm it is, and how old its newest reading."""
        now = self._now
        remark = "" if now.present else "it is unplugged"
        age_s = time.monotonic() - now.stamp_s
        name = f"SO-101 leader {self.settings.port}"
        return TeleopStatus(name, age_s, None, remark, present=now.present)

    def axes(self) -> Array:
        """Return (6,) in [-1, 1]: what the robot's tool lacks, in full actions; zero when gone."""
        now = self._now
        self._tell_changes(now)
        if not now.present or time.monotonic() - now.stamp_s > STALE_S:
            self._anchor = None
            return np.zeros(6)
        leader = self._kinematics.tool_pose(now.q)
        follower = None if self.tcp_pose is None else self.tcp_pose()
        if self._anchor is None or self._rests(leader):
            self._anchor = (leader, leader if follower is None else follower)
        lacking = self._lacking(leader, follower)
        # `poll` turns what a person means into the base's axes: this is there already
        x, y = STANDS[self.settings.stand]
        return np.asarray(lacking * [x, y, 1, x, y, 1])

    def read(self) -> HandReading:
        """Return what arm and keys say now."""
        reading, now_s = super().read(), time.monotonic()
        if self._now.present:
            opening = self._now.opening
            closes = opening < CLOSED if not self._is_closed else opening < OPENED
            if closes != self._is_closed:
                self._is_closed = closes
                self._grip, self._grip_until_s = (-1 if closes else 1), now_s + GRIP_S
        grips = self._grip if now_s < self._grip_until_s else 0
        return replace(reading, gripper=reading.gripper or grips)

    def _rests(self, leader: Array) -> bool:
        """Return whether the leader is at rest and the robot somebody else's."""
        now_s = time.monotonic()
        self._been.append((now_s, leader))
        while now_s - self._been[0][0] > LOOK_BACK_S:
            self._been.popleft()
        before = self._been[0][1]
        if _apart(before, leader, MOVED_M, MOVED_RAD):
            self._anchor_moved_s = now_s
        recently = now_s - self._anchor_moved_s < max(self.settings.engage_hold_s, LOOK_BACK_S)
        return self._role not in DRIVING and not recently

    def _lacking(self, leader: Array, follower: Array | None) -> Array:
        """Return (6,) of full actions in the base frame that bring the robot's tool along."""
        assert self._anchor is not None
        led, was = self._anchor
        x, y = STANDS[self.settings.stand]
        mirror = np.array([x, y, 1.0])
        moved = mirror * (leader[:3] - led[:3])
        turned = mirror * geometry.rotvec_from_quat(
            geometry.quat_multiply(leader[3:], geometry.quat_conjugate(led[3:]))
        )
        place = was[:3] + moved
        turn = geometry.quat_multiply(geometry.quat_from_rotvec(turned), was[3:])
        here = was if follower is None else follower
        away = geometry.rotvec_from_quat(
            geometry.quat_multiply(turn, geometry.quat_conjugate(here[3:]))
        )
        lacking = np.concatenate([place - here[:3], away])
        for half, still in ((lacking[:3], STILL_M), (lacking[3:], STILL_RAD)):
            if np.linalg.norm(half) < still:
                half[:] = 0.0
        actions = lacking / self.action_scale
        most = float(np.abs(actions).max())
        if most > MOST_ACTIONS:  # further than the robot should run after it: that much is left
            lacking *= MOST_ACTIONS / most
            turn = geometry.quat_multiply(geometry.quat_from_rotvec(lacking[3:]), here[3:])
            self._anchor = (leader, geometry.pose(here[:3] + lacking[:3], turn))
        return np.asarray(actions / max(1.0, most))

    def _tell_changes(self, now: _Leader) -> None:
        if now.present == self._was_present:
            return
        self._was_present = now.present
        self.tell(
            "the leader is back"
            if now.present
            else "the leader is gone: nothing moves until it answers again"
        )

    def _opened_bus(self) -> FeetechBus:
        bus = FeetechBus(self.settings.port)
        try:
            self._motors.require_on(bus)
            for servo in self._motors.ids:
                bus.write(servo, TORQUE, 1, 0)
        except BaseException:
            bus.close()
            raise
        return bus

    def _run(self, bus: FeetechBus | None) -> None:
        """Read until closed; open the port again when it comes back."""
        while not self._over.wait(PERIOD_S if bus else RETRY_S):
            try:
                bus = bus or self._opened_bus()
                self._now = _read(bus, self._motors)
            except DeviceError:
                silent_s = time.monotonic() - self._now.stamp_s
                if silent_s > STALE_S and bus is not None:
                    bus.close()
                    bus = None
                if silent_s > STALE_S:
                    self._now = replace(self._now, present=False)
        if bus is not None:
            with suppress(DeviceError):
                bus.close()


def _read(bus: FeetechBus, motors: So101Motors) -> _Leader:
    """Return where the leader is.

    Raises:
        DeviceError: a servo does not answer.
    """
    answers = bus.read_all(motors.ids, PRESENT, PRESENT_BYTES)
    if missing := [servo for servo in motors.ids if servo not in answers]:
        raise bus.silent(missing)
    ticks = {servo: int.from_bytes(data[:2], "little") for servo, data in answers.items()}
    return _Leader(motors.angles(ticks), motors.opening(ticks[motors.gripper_id]), time.monotonic())


def _apart(pose: Array, other: Array, metres: float, radians: float) -> bool:
    """Return whether two (7,) poses are further apart than that."""
    away_m = float(np.linalg.norm(pose[:3] - other[:3]))
    return (
        away_m > metres or float(np.linalg.norm(geometry.rotation_between(pose, other))) > radians
    )
