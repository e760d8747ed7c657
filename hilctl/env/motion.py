"""What an arm's numbers of an action do to it: a step of its tool's pose, or a push."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from hilctl.env.bounds import PoseBounds
from hilctl.env.pace import Pace
from hilctl.env.pressing import PressLimit
from hilctl.env.pushing import PushLimiter
from hilctl.env.safety import ActionLimiter
from hilctl.feed_forward import FeedForward
from hilctl.robots.base import Command, Robot, RobotState
from hilctl.task.layout import TWIST, ActionLayout, ActionPart
from hilctl.task.sections import ArmSpec

Array = NDArray[np.float64]

WRENCH_PERIODS = 2.0  # that a wrench lasts when no other comes


class Motion(ABC):
    """Move an arm by its numbers of an action.

    Attributes:
        part: of the action.
        bounds: of the tool.
    """

    part: ActionPart
    bounds: PoseBounds

    @abstractmethod
    def begin_at(self, T_base_tcp: Array) -> None:
        """Take a (7,) pose as the one that the arm has, at rest."""

    @abstractmethod
    def send(self, state: RobotState, wanted: Array, opening: float | None) -> Array:
        """Send what some numbers ask for; return those that were executed.

        Args:
            state: measured just now.
            wanted: (size,) finite.
            opening: what to tell the gripper; None = nothing.
        """

    @abstractmethod
    def driven_by(self, twist: Array) -> Array:
        """Return the numbers of a hand's (6,) twist in [-1, 1]."""

    @abstractmethod
    def between(self, before: Array, now: Array) -> Array:
        """Return the numbers that stand for the way from one (7,) pose to another."""


class PoseSteps(Motion):
    """Displace the tool in its own frame.

    Args:
        part: of the action.
        spec: of the arm.
        robot: that moves.
        period_s: of control.
    """

    def __init__(self, part: ActionPart, spec: ArmSpec, robot: Robot, period_s: float) -> None:
        self.part, self._robot = part, robot
        self._limiter = ActionLimiter(spec.control, spec.reset)
        self.bounds = self._limiter.bounds
        self._pace = Pace(robot.limits, period_s, self.bounds)
        self._press = PressLimit(spec.control)

    def begin_at(self, T_base_tcp: Array) -> None:
        """Let targets run on from there."""
        self._pace.begin_at(T_base_tcp)

    def send(self, state: RobotState, wanted: Array, opening: float | None) -> Array:
        """Send the target that a displacement leads to."""
        wanted, _ = self._press.eased(state.tcp_wrench, wanted)
        target, done = self._limiter.limit(state.tcp_pose, wanted)
        sent = self._robot.servo(Command(self._pace.towards(target), opening)).tcp_pose
        self._pace.went_to(sent)
        if not np.array_equal(sent, target):  # too fast, or the robot has limits of its own
            done = self._limiter.executed_by(state.tcp_pose, sent)
        return done

    def driven_by(self, twist: Array) -> Array:
        """Return the twist."""
        return twist

    def between(self, before: Array, now: Array) -> Array:
        """Return the displacement, as far as one action leads."""
        return self._limiter.executed_by(before, now)


class WrenchPushes(Motion):
    """Push the tool in its own frame, while it is softly held where the episode began.

    Args:
        part: of the action.
        spec: of the arm.
        robot: that `takes_wrench`.
        period_s: of control.
    """

    def __init__(self, part: ActionPart, spec: ArmSpec, robot: Robot, period_s: float) -> None:
        assert part.axes is not None
        assert part.scale is not None
        self.part, self._robot = part, robot
        self._axes = [TWIST.index(axis) for axis in part.axes]
        self._scale = np.array(part.scale)
        self._limiter = PushLimiter(part, spec, robot.limits, period_s)
        self.bounds = self._limiter.bounds
        self._press = PressLimit(spec.control)
        self._lasts_s = WRENCH_PERIODS * period_s
        self._held_at = robot.state().tcp_pose

    def begin_at(self, T_base_tcp: Array) -> None:
        """Hold the tool about there."""
        self._held_at = T_base_tcp

    def send(self, state: RobotState, wanted: Array, opening: float | None) -> Array:
        """Send the wrench, or what is left of it."""
        pushes = np.zeros(len(TWIST))
        pushes[self._axes] = wanted
        pushes, _ = self._press.eased(state.tcp_wrench, pushes)
        wrench = np.zeros(len(TWIST))
        wrench[self._axes] = self._scale * self._limiter.limit(state, pushes[self._axes])
        push = FeedForward(wrench, self._limiter.fence, self._lasts_s)
        sent = self._robot.servo(Command(self._held_at, opening, push)).feed_forward
        return np.zeros(self.part.size) if sent is None else sent.wrench[self._axes] / self._scale

    def driven_by(self, twist: Array) -> Array:
        """Return those numbers of the twist that a wrench has here."""
        return np.asarray(twist[self._axes])

    def between(self, before: Array, now: Array) -> Array:
        """Return zeros: nothing pushed."""
        return np.zeros(self.part.size)


def motion_of(
    arm: str, spec: ArmSpec, robot: Robot, actions: ActionLayout, rate_hz: float
) -> Motion:
    """Return how an arm is moved by its part of an action."""
    if (part := actions.of_arm(arm, "wrench")) is not None:
        return WrenchPushes(part, spec, robot, 1.0 / rate_hz)
    part = actions.of_arm(arm, "delta_pose")
    assert part is not None
    return PoseSteps(part, spec, robot, 1.0 / rate_hz)
