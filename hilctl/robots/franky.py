"""A Franka without ROS: Cartesian impedance at 1 kHz through franky-control.

The springs are those of HIL-SERL's robot server: a tool is pulled to its reference by a stiffness
and a critical damping, and the stretch that counts is clipped, so that a far target neither pushes
harder nor moves faster. The loop runs in the library's own thread and outlives a busy Python.
"""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from hilctl.devices import Finding, Options, Rig
from hilctl.errors import DeviceError
from hilctl.host_names import address_of
from hilctl.robots.base import Command, RobotLimits, RobotState
from hilctl.robots.franky_arm import EMERGENCY, FrankyArm
from hilctl.robots.franky_hand import FrankyHand
from hilctl.robots.franky_options import FrankyOptions
from hilctl.robots.franky_spring import wrench_on_tool
from hilctl.robots.straight_way import Manner, StraightWay
from hilctl.robots.targets import attainable, within_reach
from hilctl.robots.wired import WiredRobot

Array = NDArray[np.float64]

INSTALL = 'pip install "hilctl[franka]"'
REACH_M = 0.855
LEADS = 1.5  # how many clips the reference may be ahead of the tool on a way
CHORES = {
    "clear-errors": "clear the error that has stopped the arm",
    "home-gripper": "let the hand find out how far it opens; its fingers move all the way",
}


class FrankyRobot(WiredRobot[FrankyArm, FrankyHand]):
    """A Franka FR3 whose control is reached over the network."""

    OptionsType: ClassVar[type[Options]] = FrankyOptions
    words = "the Franka"

    def __init__(self, options: Options, rig: Rig) -> None:
        super().__init__(options, rig)
        self._settings = settings = cast(FrankyOptions, options)
        self.limits = RobotLimits(REACH_M, *settings.spring.speeds)

    @classmethod
    def probe(cls, options: Options) -> list[Finding]:
        """Report whether the library is installed and the kernel real-time."""
        findings = []
        try:
            findings.append(Finding(True, "library", f"franky-control {version('franky-control')}"))
        except PackageNotFoundError:
            findings.append(Finding(False, "library", "franky-control is not installed", INSTALL))
        if cast(FrankyOptions, options).realtime == "enforce":
            findings.append(_kernel())
        return findings

    @property
    def has_gripper(self) -> bool:
        """Whether the arm has the Franka hand."""
        return self._settings.gripper == "hand"

    def servo(self, command: Command) -> Command:
        """Set the springs' reference; it is kept within the arm's reach.

        Raises:
            DeviceError: the arm has stopped itself, or its control is silent.
            SafetyStopError: the target is no pose.
        """
        arm = self.opened
        sent = attainable(command, self.limits.reach_m)
        arm.read()
        arm.lead(sent.tcp_pose)
        if sent.gripper is not None and self._gripper is not None:
            self._gripper.wish(sent.gripper)
        return sent

    def move_to(self, tcp_pose: Array, *, speed: float) -> None:
        """Move in a straight line at a share of the speed limits, and settle there.

        Raises:
            DeviceError: something resists, the arm does not get there in time, or it was stopped.
        """
        arm, settings, limits = self.opened, self._settings, self.limits
        goal = within_reach(tcp_pose, limits.reach_m)
        manner = Manner(
            speed_m_s=speed * limits.speed_m_s,
            speed_rad_s=speed * limits.speed_rad_s,
            lead_m=LEADS * settings.clip_m,
            lead_rad=LEADS * settings.clip_rad,
            force_n=settings.resistance_n,
        )
        lead = self.until_stopped(arm.lead, settings.host)
        lead(self.state().tcp_pose)
        hard = settings.reset_stiffness or settings.stiffness
        arm.stiffen(hard.translational_n_m, hard.rotational_nm_rad)
        StraightWay(self, goal, manner, lead).go()
        arm.stiffen(settings.stiffness.translational_n_m, settings.stiffness.rotational_nm_rad)

    def maintenance(self) -> dict[str, str]:
        """What is done on a person's word."""
        return {name: does for name, does in CHORES.items() if self.has_gripper or "arm" in does}

    def maintain(self, chore: str) -> None:
        """Do it.

        Raises:
            DeviceError: it is not done.
        """
        if chore == "clear-errors":
            self.opened.recover()
        elif self._gripper is not None:
            self._gripper.home()

    def measured(self) -> RobotState:
        """Return the newest measurement.

        Raises:
            DeviceError: there has been none for too long, or one that cannot be.
        """
        arm = self.opened
        state = arm.read()
        pose = np.concatenate(
            [np.ravel(state.O_T_EE.translation), np.ravel(state.O_T_EE.quaternion)]
        )
        velocity, wrench = arm.velocity(state), wrench_on_tool(state)
        q, qd = np.array(state.q, dtype=float), np.array(state.dq, dtype=float)
        if not np.isfinite(np.concatenate([pose, velocity, wrench, q, qd])).all():
            raise DeviceError(
                "the Franka's control sends numbers that cannot be",
                where=self._settings.host,
                hint=f"{EMERGENCY}, and look at it in Desk",
            )
        return RobotState(
            tcp_pose=pose,
            tcp_velocity=velocity,
            tcp_wrench=wrench,
            q=q,
            gripper=1.0 if self._gripper is None else self._gripper.opening,
            stamp_ns=arm.stamp_ns,
            qd=qd,
        )

    def connected_arm(self) -> FrankyArm:
        """Return the arm.

        Raises:
            DeviceError: it cannot be reached.
        """
        franky, settings = _library(), self._settings
        enforced = settings.realtime == "enforce"
        realtime = franky.RealtimeConfig.Enforce if enforced else franky.RealtimeConfig.Ignore
        address = address_of(settings.host)

        def connect() -> Any:
            return franky.Robot(
                address,
                default_torque_threshold=settings.collision_nm,
                default_force_threshold=settings.collision_n,
                realtime_config=realtime,
            )

        return FrankyArm(
            franky,
            connect,
            settings.host,
            settings.spring,
            settings.nullspace_nm_rad,
            self.rig.clock,
        )

    def connected_gripper(self) -> FrankyHand | None:
        """Return the hand, if the arm has one.

        Raises:
            DeviceError: it does not answer.
        """
        if not self.has_gripper:
            return None
        franky, settings = _library(), self._settings
        return FrankyHand(lambda: franky.Gripper(settings.host), settings.grip_m_s, settings.grip_n)


def _library() -> Any:
    """Return franky.

    Raises:
        DeviceError: it is not installed.
    """
    try:
        import franky
    except ImportError as error:
        raise DeviceError("franky-control is not installed", hint=INSTALL) from error
    return franky


def _kernel() -> Finding:
    """Return whether this computer's kernel keeps a millisecond."""
    realtime = Path("/sys/kernel/realtime")
    release = platform.release()
    try:
        is_realtime = realtime.read_text("ascii").strip() == "1"
    except OSError:
        is_realtime = "PREEMPT_RT" in platform.version()
    if is_realtime:
        return Finding(True, "kernel", f"{release} is real-time")
    return Finding(
        False,
        "kernel",
        f"{release} is not real-time, and the Franka's 1 kHz needs one",
        "install a PREEMPT_RT kernel (Ubuntu: pro enable realtime-kernel), or set "
        "robot: {realtime: ignore} at the risk of missed cycles",
    )
