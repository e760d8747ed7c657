"""An arm on paper: it goes where it is told, or badly, or is pushed; and remembers every target."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hilctl import geometry
from hilctl.clock import SteppedClock
from hilctl.devices import Options, Rig
from hilctl.robots.base import Command, Robot, RobotLimits, RobotState

LIMITS = RobotLimits(
    reach_m=0.85, speed_m_s=0.25, speed_rad_s=1.0, acceleration_m_s2=1.5, acceleration_rad_s2=6.0
)


class PaperRobot(Robot):
    """An arm whose state follows its target by a share of the way that is drawn each time.

    Args:
        start: (7,) `T_base_tcp`.
        rng: draws how it follows, and what presses on it.
        shove_m: how far it is thrown beside its target, now and then.

    Attributes:
        sent: every target, in order.
        stops: how often it was stopped.
        speeds: share of its limits on each way, in order.
    """

    limits = LIMITS

    def __init__(
        self, start: np.ndarray, rng: np.random.Generator, shove_m: float = 0.0, *, rig: Rig
    ) -> None:
        super().__init__(Options(), rig)
        self.pose, self.sent, self.stops = start, list[np.ndarray](), 0
        self.speeds = list[float]()
        self._rng, self._shove_m = rng, shove_m
        self.wrench = np.zeros(6)

    def open(self) -> None: ...

    def close(self) -> None: ...

    def state(self) -> RobotState:
        """Return where it is."""
        now_ns = self.rig.clock.now_ns()
        return RobotState(self.pose, np.zeros(6), self.wrench, np.zeros(7), 1.0, now_ns)

    def servo(self, command: Command) -> Command:
        """Note the target, and be somewhere near it."""
        self.sent.append(command.tcp_pose.copy())
        share = self._rng.choice([0.0, 0.3, 1.0, 1.0])
        self.pose = geometry.interpolate(self.pose, command.tcp_pose, share)
        if self._rng.random() < 0.05:
            off = geometry.quat_from_rotvec(self._rng.normal(0, 5 * self._shove_m, 3))
            place = self.pose[:3] + self._rng.normal(0, self._shove_m, 3)
            self.pose = geometry.pose(place, geometry.quat_multiply(off, self.pose[3:]))
        self.wrench = self._rng.normal(0, 10, 6) * (self._rng.random() < 0.3)
        return command

    def move_to(self, tcp_pose: np.ndarray, *, speed: float) -> None:
        """Be there."""
        self.pose = np.array(tcp_pose)
        self.speeds.append(speed)

    def stop(self) -> None:
        """Count it."""
        self.stops += 1


class MarkingOptions(Options):
    """Where to make a mark."""

    mark: str


class GuardedRobot(PaperRobot):
    """An arm that another process can hold: it makes a mark then."""

    OptionsType = MarkingOptions

    @classmethod
    def hold_from_outside(cls, options: Options) -> None:
        """Make the mark."""
        assert isinstance(options, MarkingOptions)
        Path(options.mark).touch()


def paper_rig() -> Rig:
    """Return a rig whose time passes when somebody sleeps."""
    rig = Rig()
    rig.clock = SteppedClock()
    return rig
