"""An SO-100 or SO-101 arm: Feetech servos on a serial bus, and kinematics from its own model.

It has five joints: a tool keeps its place, and its turn as far as they can. It measures no forces:
`tcp_wrench` is zero.
"""

from __future__ import annotations

from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hilctl.devices import Finding, Options, Rig
from hilctl.errors import DeviceError
from hilctl.robots.base import Command, Robot, RobotLimits, RobotState
from hilctl.robots.feetech_bus import FeetechBus
from hilctl.robots.reopening import Reopening
from hilctl.robots.so101_arm import So101Arm
from hilctl.robots.so101_description import So101Description
from hilctl.robots.straight_way import Manner, StraightWay
from hilctl.robots.targets import attainable, within_reach
from hilctl.robots.yielding import YieldingReference

Array = NDArray[np.float64]

REACH_M = 0.5
ITERATIONS = 30
NO_FORCE_N = 1e9  # none is measured
LEAD_M, LEAD_RAD = 0.03, 0.3
THERE_M, THERE_RAD, NEAR_M, NEAR_RAD = 0.002, 0.03, 0.006, 0.08  # backlash is a degree


class So101Options(So101Description):
    """Which arm it is, and how fast and how hard it may be."""

    speed_m_s: float = Field(default=0.15, gt=0, le=0.5, description="of the tool, up to 0.5 m/s")
    speed_rad_s: float = Field(default=1.0, gt=0, le=3, description="of its turn, up to 3 rad/s")
    grip: float = Field(
        default=0.5, gt=0, le=1, description="share of its torque that the gripper may use, 0 to 1"
    )


class So101Robot(Robot):
    """A follower arm on a serial port."""

    OptionsType: ClassVar[type[Options]] = So101Options
    six_dof: ClassVar[bool] = False

    def __init__(self, options: Options, rig: Rig) -> None:
        super().__init__(options, rig)
        self._settings = settings = cast(So101Options, options)
        self.limits = RobotLimits(REACH_M, settings.speed_m_s, settings.speed_rad_s)
        self._arm: So101Arm | None = None
        self._is_open = False
        self._reopening = Reopening(self._reopen)
        self._halts = 0

    @classmethod
    def probe(cls, options: Options) -> list[Finding]:
        """Report whether the port is there."""
        return [cast(So101Options, options).port_found()]

    def open(self) -> None:
        """Find the servos and read them; they are without torque until the arm is led.

        Raises:
            DeviceError: one of them does not answer, or is not what was calibrated.
        """
        self._connect()
        self._is_open = True

    def close(self) -> None:
        """Take the torque off: the arm sinks."""
        self._is_open = False
        self._hang_up()

    @property
    def has_gripper(self) -> bool:
        """Whether it has a gripper: always."""
        return True

    def state(self) -> RobotState:
        """Return the newest measurement.

        Raises:
            DeviceError: there has been none for too long.
        """
        if not self._is_open:
            raise DeviceError("the SO-101 is not open")
        return self._reopening.read(self._measured)

    def servo(self, command: Command) -> Command:
        """Let the reference run to the pose nearest to a target that five joints can bring about.

        Raises:
            DeviceError: a servo does not answer, or has stopped.
            SafetyStopError: the target is no pose.
        """
        opening = attainable(command, self.limits.reach_m).gripper
        target = self._brought_about(command.tcp_pose)
        self._opened.run_to(target, opening)
        return Command(target, opening)

    def move_to(self, tcp_pose: Array, *, speed: float) -> None:
        """Move in a straight line at a share of the speed limits, and settle there.

        Raises:
            DeviceError: something resists, the arm does not get there in time, or it was stopped.
        """
        arm, limits = self._opened, self.limits
        goal = self._brought_about(tcp_pose)
        manner = Manner(
            speed_m_s=speed * limits.speed_m_s,
            speed_rad_s=speed * limits.speed_rad_s,
            lead_m=LEAD_M,
            lead_rad=LEAD_RAD,
            force_n=NO_FORCE_N,
            there_m=THERE_M,
            there_rad=THERE_RAD,
            near_m=NEAR_M,
            near_rad=NEAR_RAD,
        )
        halts = self._halts

        def lead(reference: Array) -> None:
            if self._halts != halts:
                raise DeviceError(
                    "the arm was stopped on its way",
                    where=self._settings.port,
                    hint="run the command again when it may move",
                )
            arm.run_to(reference, None)

        StraightWay(self, goal, manner, lead).go()

    def stop(self) -> None:
        """Hold where the arm is.

        Raises:
            DeviceError: its servos could not be told.
        """
        self._halts += 1
        if self._arm is not None:
            self._arm.halt()

    def _brought_about(self, tcp_pose: Array) -> Array:
        """Return the (7,) pose nearest to one that the joints can bring about from here.

        Raises:
            SafetyStopError: it is no pose.
        """
        target = within_reach(tcp_pose, self.limits.reach_m)
        kinematics = self._kinematics
        here = self._opened.read().q
        return kinematics.tool_pose(kinematics.joints_for(target, here, ITERATIONS))

    def _measured(self) -> RobotState:
        reading = self._opened.read()
        return RobotState(
            tcp_pose=self._kinematics.tool_pose(reading.q),
            tcp_velocity=self._kinematics.tool_velocity(reading.q, reading.dq),
            tcp_wrench=np.zeros(6),
            q=reading.q.copy(),
            gripper=reading.opening,
            stamp_ns=reading.stamp_ns,
        )

    def _connect(self) -> None:
        settings, folder = self._settings, self.rig.folder
        motors = settings.motors(folder)
        self._kinematics = settings.kinematics(folder)
        led_by = settings.kinematics(folder)  # another thread's
        bus = FeetechBus(settings.port)
        try:
            motors.require_on(bus)
            reference = YieldingReference(settings.speed_m_s, settings.speed_rad_s, NO_FORCE_N)
            self._arm = So101Arm(bus, motors, led_by, reference, settings.grip, self.rig.clock)
        except BaseException:
            bus.close()
            raise

    def _hang_up(self, *, limp: bool = True) -> None:
        if self._arm is not None:
            self._arm.close(limp=limp)
            self._arm = None

    def _reopen(self) -> None:
        self._hang_up(limp=False)
        self._connect()

    @property
    def _opened(self) -> So101Arm:
        if self._arm is None:
            raise DeviceError("the SO-101 is not open")
        return self._arm
