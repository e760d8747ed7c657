"""A UR through ur-rtde: `servoL` at 125 Hz, with a reference that gives way to forces."""

from __future__ import annotations

import time
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Annotated, ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hilctl.devices import Finding, Options, Rig
from hilctl.errors import DeviceError
from hilctl.host_names import address_of
from hilctl.robots.base import Command, RobotLimits, RobotState
from hilctl.robots.robotiq import Robotiq
from hilctl.robots.straight_way import Manner, StraightWay
from hilctl.robots.targets import attainable, within_reach
from hilctl.robots.ur_process import UrProcess, UrSettings
from hilctl.robots.wired import WiredRobot

Array = NDArray[np.float64]

INSTALL = 'pip install "hilctl[ur]"'
REACH_M = {"ur3": 0.5, "ur5": 0.85, "ur7": 0.85, "ur10": 1.3, "ur12": 1.3, "ur16": 0.9}
REACH_M |= {"ur15": 1.3, "ur20": 1.75, "ur30": 1.3}
LEAD_S = 0.3  # by which the reference may be ahead of the arm on a way
LEAST_LEAD_M, LEAST_LEAD_RAD = 0.005, 0.05
CHORES = {
    "clear-errors": "release a protective stop, and have the arm's program run again",
    "zero-force": "take what presses on the tool now as nothing; it hangs free",
    "activate-gripper": "have the gripper find its way; its fingers move all the way",
}
Position = Annotated[int, Field(ge=0, le=255)]


class UrRtdeOptions(Options):
    """Where the arm's controller is, how fast and how hard the arm may be, which gripper it has."""

    host: str = Field(min_length=1, description="address of the controller, such as 192.168.1.10")
    model: Literal["ur3", "ur5", "ur7", "ur10", "ur12", "ur15", "ur16", "ur20", "ur30"] = Field(
        default="ur5", description="which UR it is, without the e: ur3, ur5, ur10 …"
    )
    gripper: Literal["none", "robotiq"] = Field(
        default="none", description="a Robotiq with its URCap, or none that moves"
    )
    speed_m_s: float = Field(default=0.1, gt=0, le=0.5, description="of the tool, m/s, up to 0.5")
    speed_rad_s: float = Field(default=0.5, gt=0, le=2, description="of its turn, rad/s, up to 2")
    force_n: float = Field(
        default=30.0, gt=0, le=150, description="force from which on the arm gives way, N"
    )
    resistance_n: float = Field(
        default=25.0, gt=0, le=150, description="force that ends a way to a start, N"
    )
    lookahead_s: float = Field(
        default=0.05, ge=0.03, le=0.2, description="over which the controller smooths, 0.03 to 0.2"
    )
    gain: float = Field(
        default=300.0, ge=100, le=2000, description="with which targets are followed, 100 to 2000"
    )
    gripper_span: Annotated[tuple[Position, Position], Field(strict=False)] = Field(
        default=(3, 228), description="[open, closed] positions of the gripper, 0 to 255"
    )
    grip_speed: float = Field(default=0.5, ge=0, le=1, description="of the fingers, 0 to 1")
    grip_force: float = Field(default=0.3, ge=0, le=1, description="of the fingers, 0 to 1")

    @model_validator(mode="after")
    def _has_a_span(self) -> UrRtdeOptions:
        if self.gripper_span[0] == self.gripper_span[1]:
            raise ValueError("gripper_span: open and closed are the same")
        return self


class UrRtdeRobot(WiredRobot[UrProcess, Robotiq]):
    """A UR whose controller is reached over the network; it is stopped before it is hung up."""

    OptionsType: ClassVar[type[Options]] = UrRtdeOptions
    words = "the UR"

    def __init__(self, options: Options, rig: Rig) -> None:
        super().__init__(options, rig)
        self._settings = settings = cast(UrRtdeOptions, options)
        self.limits = RobotLimits(REACH_M[settings.model], settings.speed_m_s, settings.speed_rad_s)
        self._seen_ns = self._stamp_ns = 0

    @classmethod
    def probe(cls, options: Options) -> list[Finding]:
        """Report whether the library is installed."""
        try:
            return [Finding(True, "library", f"ur-rtde {version('ur-rtde')}")]
        except PackageNotFoundError:
            return [Finding(False, "library", "ur-rtde is not installed", INSTALL)]

    @property
    def has_gripper(self) -> bool:
        """Whether the arm has a gripper."""
        return self._settings.gripper != "none"

    def servo(self, command: Command) -> Command:
        """Let the reference run to a pose; it is kept within the arm's reach.

        Raises:
            DeviceError: the arm has stopped itself, or its controller is silent.
            SafetyStopError: the target is no pose.
        """
        sent = attainable(command, self.limits.reach_m)
        self.opened.run_to(sent.tcp_pose)
        if sent.gripper is not None and self._gripper is not None:
            self._gripper.wish(sent.gripper)
        return sent

    def move_to(self, tcp_pose: Array, *, speed: float) -> None:
        """Move in a straight line at a share of the speed limits, and settle there.

        Raises:
            DeviceError: something resists, the arm does not get there in time, or it was stopped.
        """
        arm, limits = self.opened, self.limits
        goal = within_reach(tcp_pose, limits.reach_m)
        manner = Manner(
            speed_m_s=speed * limits.speed_m_s,
            speed_rad_s=speed * limits.speed_rad_s,
            lead_m=max(LEAST_LEAD_M, LEAD_S * limits.speed_m_s),
            lead_rad=max(LEAST_LEAD_RAD, LEAD_S * limits.speed_rad_s),
            force_n=self._settings.resistance_n,
        )
        lead = self.until_stopped(arm.run_to, self._settings.host)
        StraightWay(self, goal, manner, lead).go()

    def maintenance(self) -> dict[str, str]:
        """What is done on a person's word."""
        chores = dict(CHORES)
        if not self.has_gripper:
            del chores["activate-gripper"]
        return chores

    def maintain(self, chore: str) -> None:
        """Do it.

        Raises:
            DeviceError: it is not done.
        """
        arm = self.opened
        if chore == "clear-errors":
            arm.do("clear")
        elif chore == "zero-force":
            arm.do("zero_force")
        elif self._gripper is not None:
            self._gripper.activate()

    def measured(self) -> RobotState:
        """Return the newest measurement.

        Raises:
            DeviceError: there has been none for too long.
        """
        reading = self.opened.read()
        if reading.seen_ns != self._seen_ns:  # else it is the same as before, and so is its stamp
            age_ns = time.monotonic_ns() - reading.seen_ns
            self._seen_ns, self._stamp_ns = reading.seen_ns, self.rig.clock.now_ns() - age_ns
        return RobotState(
            tcp_pose=reading.pose,
            tcp_velocity=reading.velocity,
            tcp_wrench=reading.wrench,
            q=reading.q,
            gripper=1.0 if self._gripper is None else self._gripper.opening,
            stamp_ns=self._stamp_ns,
        )

    def connected_arm(self) -> UrProcess:
        """Return the arm, on which the library's program runs.

        Raises:
            DeviceError: it cannot be reached.
        """
        if find_spec("rtde_control") is None:
            raise DeviceError("ur-rtde is not installed", hint=INSTALL)
        settings = self._settings
        address_of(settings.host)  # for what stops the arm from here, too
        return UrProcess(
            UrSettings(
                settings.host,
                settings.speed_m_s,
                settings.speed_rad_s,
                settings.force_n,
                settings.lookahead_s,
                settings.gain,
            )
        )

    def connected_gripper(self) -> Robotiq | None:
        """Return the gripper, if the arm has one.

        Raises:
            DeviceError: it does not answer.
        """
        settings = self._settings
        if not self.has_gripper:
            return None
        return Robotiq(
            settings.host, settings.gripper_span, settings.grip_speed, settings.grip_force
        )
