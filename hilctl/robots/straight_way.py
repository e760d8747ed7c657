"""Lead an arm along a straight line, never further ahead of it than it can follow.

An arm on springs lags behind its reference, one with friction comes to rest short of it, and one
that something holds does not come at all. The reference therefore waits for the arm, is moved a
little beyond the goal at the end, and gives up where there is no way on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.errors import DeviceError
from hilctl.robots.base import Robot, RobotState

Array = NDArray[np.float64]

PERIOD_NS = 20_000_000
RAMP_S = 0.2  # in which the reference comes to speed, and loses it again
SLOWEST = 0.1  # share of its speed that is left of it at both ends
STUCK_NS = 1_000_000_000
SETTLE_NS = 3_000_000_000
STILL_M_S, STILL_RAD_S = 0.005, 0.03
PRESSED_LOOKS = 3  # in a row: a single one may be noise
CORRECTION = 0.1  # share of what is missing by which the reference goes further, each period
MOST_M, MOST_RAD = 0.006, 0.06  # that it goes beyond the goal


@dataclass(frozen=True)
class Manner:
    """How an arm is led, and when that is given up.

    Attributes:
        speed_m_s: of the reference.
        speed_rad_s: of its turn.
        lead_m: by which it may be ahead of the arm.
        lead_rad: by which its turn may be ahead.
        force_n: that the arm may meet on its way.
        there_m: what counts as there; how far from the goal it is waited for at most.
        there_rad: the same for its turn.
        near_m: what will do, where the arm comes no nearer.
        near_rad: the same for its turn.
    """

    speed_m_s: float
    speed_rad_s: float
    lead_m: float
    lead_rad: float
    force_n: float
    there_m: float = 0.001
    there_rad: float = 0.01
    near_m: float = 0.003
    near_rad: float = 0.03


class StraightWay:
    """One straight line from where an arm is.

    Args:
        robot: that is led.
        goal: (7,) `T_base_tcp` at its end.
        manner: how.
        send: hands the controller a (7,) reference; raises `DeviceError` if it may not.
    """

    def __init__(
        self, robot: Robot, goal: Array, manner: Manner, send: Callable[[Array], None]
    ) -> None:
        self._robot, self._goal, self._manner, self._send = robot, goal, manner, send
        self._clock = robot.rig.clock
        self._pressed = 0

    def go(self) -> None:
        """Lead the arm to the end, and wait until it is there and still.

        Raises:
            DeviceError: something resists, or the arm does not get there; it holds.
        """
        self._lead()
        self._settle()

    def _lead(self) -> None:
        start, manner = self._robot.state().tcp_pose, self._manner
        whole_s = geometry.duration_between(start, self._goal, manner.speed_m_s, manner.speed_rad_s)
        gone_s, moved_ns = 0.0, self._clock.now_ns()
        last_ns = moved_ns
        while gone_s < whole_s:
            here = self._look().tcp_pose
            now_ns = self._clock.now_ns()
            reference = geometry.interpolate(start, self._goal, gone_s / whole_s)
            if _is_within(here, reference, manner.lead_m, manner.lead_rad):
                eased = min(1.0, max(SLOWEST, min(gone_s, whole_s - gone_s) / RAMP_S))
                gone_s = min(whole_s, gone_s + eased * (now_ns - last_ns) * 1e-9)
                moved_ns = now_ns
            elif now_ns - moved_ns > STUCK_NS:
                raise self._not_there("as something holds it")
            last_ns = now_ns
            self._send(geometry.interpolate(start, self._goal, gone_s / whole_s))

    def _settle(self) -> None:
        manner = self._manner
        deadline_ns = self._clock.now_ns() + SETTLE_NS
        beyond = np.zeros(6)  # m and rotation vector in the goal's frame, added to it
        self._send(self._goal)
        while self._clock.now_ns() < deadline_ns:
            state = self._look()
            if _is_still(state):
                if _is_within(state.tcp_pose, self._goal, manner.there_m, manner.there_rad):
                    return
                beyond = _longer(beyond, state.tcp_pose, self._goal)
                self._send(geometry.compose(self._goal, _pose_of(beyond)))
        if not _is_within(self._robot.state().tcp_pose, self._goal, manner.near_m, manner.near_rad):
            raise self._not_there(f"within {SETTLE_NS * 1e-9:g} s")

    def _look(self) -> RobotState:
        """Let a period pass, and return what is measured then.

        Raises:
            DeviceError: something resists.
        """
        self._clock.sleep_until(self._clock.now_ns() + PERIOD_NS)
        state = self._robot.state()
        force_n = float(np.linalg.norm(state.tcp_wrench[:3]))
        self._pressed = self._pressed + 1 if force_n > self._manner.force_n else 0
        if self._pressed >= PRESSED_LOOKS:
            raise self._not_there(f"against {force_n:.0f} N")
        return state

    def _not_there(self, how: str) -> DeviceError:
        self._robot.stop()
        away_mm = 1e3 * float(np.linalg.norm(self._robot.state().tcp_pose[:3] - self._goal[:3]))
        return DeviceError(
            f"the arm did not reach its target {how} and holds {away_mm:.1f} mm away from it",
            hint="is something in its way, or the pose out of reach?",
        )


def _is_still(state: RobotState) -> bool:
    linear, angular = np.linalg.norm(state.tcp_velocity.reshape(2, 3), axis=1)
    return bool(linear < STILL_M_S and angular < STILL_RAD_S)


def _is_within(pose: Array, other: Array, metres: float, radians: float) -> bool:
    """Return whether two (7,) poses are no further apart than that."""
    away_m = float(np.linalg.norm(pose[:3] - other[:3]))
    away_rad = float(np.linalg.norm(geometry.rotation_between(pose, other)))
    return away_m <= metres and away_rad <= radians


def _longer(beyond: Array, here: Array, goal: Array) -> Array:
    """Return by how much to go beyond the goal: a share of what is missing more, up to a limit."""
    missing = geometry.compose(geometry.inverse(goal), here)
    error = np.concatenate([missing[:3], geometry.rotvec_from_quat(missing[3:])])
    further = beyond - CORRECTION * error
    for half, most in ((further[:3], MOST_M), (further[3:], MOST_RAD)):
        half *= min(1.0, most / max(float(np.linalg.norm(half)), 1e-12))
    return np.asarray(further)


def _pose_of(step: Array) -> Array:
    return geometry.pose(step[:3], geometry.quat_from_rotvec(step[3:]))
