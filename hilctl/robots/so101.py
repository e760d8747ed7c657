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
from hilctl.robots.base import Command, RobotLimits, RobotState
from hilctl.robots.feetech_bus import FeetechBus
from hilctl.robots.so101_arm import So101Arm
from hilctl.robots.so101_description import So101Description
from hilctl.robots.straight_way import Manner, StraightWay
from hilctl.robots.targets import attainable, within_reach
from hilctl.robots.wired import Closable, WiredRobot
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


class So101Robot(WiredRobot[So101Arm, Closable]):
    """A follower arm on a serial port; closed, it is without torque, and sinks."""

    OptionsType: ClassVar[type[Options]] = So101Options
    words = "the SO-101"
    six_dof: ClassVar[bool] = False
    tells_wrench: ClassVar[bool] = False

    def __init__(self, options: Options, rig: Rig) -> None:
        super().__init__(options, rig)
        self._settings = settings = cast(So101Options, options)
        self.limits = RobotLimits(REACH_M, settings.speed_m_s, settings.speed_rad_s)

    @classmethod
    def probe(cls, options: Options) -> list[Finding]:
        """Report whether the port is there."""
        return [cast(So101Options, options).port_found()]

    @property
    def has_gripper(self) -> bool:
        """Whether it has a gripper: always."""
        return True

    def servo(self, command: Command) -> Command:
        """Let the reference run to the pose nearest to a target that five joints can bring about.

        Raises:
            DeviceError: a servo does not answer, or has stopped.
            SafetyStopError: the target is no pose.
        """
        opening = attainable(command, self.limits.reach_m).gripper
        target = self._brought_about(command.tcp_pose)
        self.opened.run_to(target, opening)
        return Command(target, opening)

    def move_to(self, tcp_pose: Array, *, speed: float) -> None:
        """Move in a straight line at a share of the speed limits, and settle there.

        Raises:
            DeviceError: something resists, the arm does not get there in time, or it was stopped.
        """
        arm, limits = self.opened, self.limits
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
        lead = self.until_stopped(lambda pose: arm.run_to(pose, None), self._settings.port)
        StraightWay(self, goal, manner, lead).go()

    def measured(self) -> RobotState:
        """Return the newest measurement.

        Raises:
            DeviceError: there has been none for too long.
        """
        reading = self.opened.read()
        return RobotState(
            tcp_pose=self._kinematics.tool_pose(reading.q),
            tcp_velocity=self._kinematics.tool_velocity(reading.q, reading.dq),
            tcp_wrench=np.zeros(6),
            q=reading.q.copy(),
            qd=reading.dq.copy(),
            gripper=reading.opening,
            stamp_ns=reading.stamp_ns,
        )

    def connected_arm(self) -> So101Arm:
        """Return the arm, its servos found and read; they are without torque until it is led.

        Raises:
            DeviceError: one of them does not answer, or is not what was calibrated.
        """
        settings, folder = self._settings, self.rig.folder
        motors = settings.motors(folder)
        self._kinematics = settings.kinematics(folder)
        led_by = settings.kinematics(folder)  # another thread's
        bus = FeetechBus(settings.port)
        try:
            motors.require_on(bus)
            reference = YieldingReference(settings.speed_m_s, settings.speed_rad_s, NO_FORCE_N)
            return So101Arm(bus, motors, led_by, reference, settings.grip, self.rig.clock)
        except BaseException:
            bus.close()
            raise

    def hang_up(self, arm: So101Arm, *, for_good: bool) -> None:
        """Let go of the port; the torque goes off, unless the arm is found again at once."""
        arm.close(limp=for_good)

    def _brought_about(self, tcp_pose: Array) -> Array:
        """Return the (7,) pose nearest to one that the joints can bring about from here.

        Raises:
            SafetyStopError: it is no pose.
        """
        target = within_reach(tcp_pose, self.limits.reach_m)
        kinematics = self._kinematics
        here = self.opened.read().q
        return kinematics.tool_pose(kinematics.joints_for(target, here, ITERATIONS))
