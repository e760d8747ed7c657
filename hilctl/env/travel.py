"""The way from wherever the tool is to where it shall be: back out, over, then down.

A straight line from inside a hole leads through its wall. What is known of a scene is that the
reset pose is free, and that a tool gets out of a place along its own axis, as it came in: slowly
while it may be inside, and as far as it presses on anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.env.safety import reset_pose
from hilctl.env.way_in import WayIn
from hilctl.errors import DeviceError, TravelStoppedError
from hilctl.robots.base import Robot
from hilctl.robots.scene import SimulatedScene
from hilctl.task.sections import ArmSpec

Array = NDArray[np.float64]

OUT_SPEED = 0.04  # share of the arm's limits: a peg drawn out at 0.1 knocks with 36 N on its hole
TRAVEL_SPEED = 0.5  # out in the open
APPROACH_SPEED = 0.25
CONTACT_N = 5.0  # a tool that feels as much is not free, whatever is known of its way
FIRST_SPEED = 0.1  # at most, until a real arm has been at its start once
RELAX_S = 0.2  # after a stop, until the tool no longer presses on anything
LEAST_M, LEAST_RAD = 1e-3, 1e-2  # a way shorter than that is none
UPRIGHT = 0.5  # a tool that leans by more than 60° is backed out no further along its own axis


@dataclass(frozen=True)
class TravelLeg:
    """One straight stretch of a way: its (7,) end, and how fast, as a share of the limits."""

    goal: Array
    speed: float


class Travel:
    """Ways within the bounds of an arm that go through nothing.

    Heights are counted against the approach, the direction of the reset pose's tool: along it
    tools come close to things, against it they are in the open.

    Args:
        spec: of the arm.
        speed: out in the open, as a share of the arm's limits.
    """

    def __init__(self, spec: ArmSpec, speed: float = TRAVEL_SPEED) -> None:
        self._speed = speed
        home, bounds = reset_pose(spec.reset), spec.control.bounds
        self._low, self._high = np.array(bounds.low[:3]), np.array(bounds.high[:3])
        self._away = geometry.rotate(home[3:], [0.0, 0.0, -1.0])
        self._home = home[:3]
        self._depth_m = spec.reset.depth_m
        self._spread = np.array(
            [spec.reset.random_xy_m, spec.reset.random_xy_m, spec.reset.random_z_m]
        )
        # above every random start
        self._free_m = float(self._away @ self._home + np.abs(self._away) @ self._spread)

    def go(self, robot: Robot, goal: Array) -> None:
        """Move a robot to a (7,) pose.

        Raises:
            DeviceError: something is in its way, or the pose is out of its reach.
        """
        for leg in self.legs(robot.state().tcp_pose, goal):
            self._move(robot, leg)
        robot.rig.travelled.add(robot.arm)

    def back_out(self, robot: Robot, way_in: WayIn | None = None) -> None:
        """Move a robot out of whatever its tool is in.

        Args:
            robot: that is moved.
            way_in: how the tool came there; None = nobody knows.

        Raises:
            DeviceError: something holds the tool.
        """
        here = robot.state().tcp_pose
        inside_m = way_in.inside_m(here[:3], _backwards(here)) if way_in else None
        if self._depth_m is not None and inside_m is not None:
            inside_m = min(inside_m, self._depth_m)
        for leg in _worth_going(here, self._outward(here, inside_m)):
            felt_n = float(np.linalg.norm(robot.state().tcp_wrench[:3]))
            self._move(robot, leg if felt_n < CONTACT_N else replace(leg, speed=OUT_SPEED))

    def legs(self, here: Array, goal: Array) -> list[TravelLeg]:
        """Return the stretches from one (7,) pose to another; a single one among random starts."""
        if self._among_starts(here) and self._among_starts(goal):
            return [TravelLeg(goal, self._speed)]
        outward = self._outward(here)
        height_m = self._height(outward[-1].goal)
        over = TravelLeg(geometry.pose(self._lifted(goal[:3], height_m), goal[3:]), self._speed)
        before = list(_worth_going(here, [*outward, over]))
        return [*before, TravelLeg(goal, min(APPROACH_SPEED, self._speed))]

    def _among_starts(self, pose: Array) -> bool:
        return bool((np.abs(pose[:3] - self._home) <= self._spread + LEAST_M).all())

    def _outward(self, here: Array, inside_m: float | None = None) -> list[TravelLeg]:
        """Return the stretches to the height of the open: along the tool, then as far as it takes.

        The tool's axis leads out of the bounds where it leans out; from there on the reset pose's
        does.

        Args:
            here: (7,) where the tool is.
            inside_m: how far it may be inside of something; None = as far as the task says, or
                nobody knows.
        """
        inside_m = self._depth_m if inside_m is None else inside_m
        axis = _backwards(here)
        rise = max(float(axis @ self._away), UPRIGHT)
        way = max(0.0, self._free_m - self._height(here)) / rise * axis
        along = here[:3] + self._share_within(here[:3], way) * way
        out = self._lifted(along, self._free_m)
        far_m = float(np.linalg.norm(along - here[:3]))
        if inside_m is None or inside_m >= far_m:
            places = [(along, OUT_SPEED), (out, OUT_SPEED)]
        else:
            speed = min(APPROACH_SPEED, self._speed)
            places = [(here[:3] + inside_m * axis, OUT_SPEED), (along, speed), (out, speed)]
        return [TravelLeg(geometry.pose(place, here[3:]), speed) for place, speed in places]

    def _share_within(self, start: Array, way: Array) -> float:
        """Return how much of a way lies in the bounds; none of one that does not lead outward."""
        if way @ self._away <= 0:
            return 0.0
        room = np.where(way > 0, self._high - start, start - self._low).clip(0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.where(way == 0, 1.0, room / np.abs(way))
        return float(min(1.0, shares.min()))

    def _lifted(self, position: Array, height_m: float) -> Array:
        """Return a (3,) position as high as asked, as far as the bounds let it."""
        lack_m = max(0.0, height_m - float(self._away @ position))
        # no further out than it is already
        low, high = np.minimum(self._low, position), np.maximum(self._high, position)
        return np.clip(position + lack_m * self._away, low, high)

    def _height(self, pose: Array) -> float:
        return float(self._away @ pose[:3])

    def _move(self, robot: Robot, leg: TravelLeg) -> None:
        try:
            move(robot, leg.goal, leg.speed)
        except TravelStoppedError:
            raise
        except DeviceError as error:
            x, y, z = robot.state().tcp_pose[:3]
            raise DeviceError(
                f"the arm cannot go to its start from [{x:.3f}, {y:.3f}, {z:.3f}] m: "
                f"{error.message}",
                where=error.where,
                hint="free the tool and clear the way by hand, then run the command again",
            ) from error


def move(robot: Robot, goal: Array, speed: float) -> None:
    """Move a robot in a straight line to a (7,) pose; a real one slowly on its first way.

    Args:
        robot: open.
        goal: (7,) `T_base_tcp`.
        speed: share of the arm's limits.

    Raises:
        DeviceError: something is in its way, or the pose is out of its reach.
        TravelStoppedError: a person wants an end.
    """
    is_first = robot.arm not in robot.rig.travelled and not isinstance(robot, SimulatedScene)
    with robot.rig.watch.travelling():
        robot.move_to(goal, speed=min(speed, FIRST_SPEED) if is_first else speed)


def relax(robot: Robot) -> None:
    """Stop a robot, and wait until its tool no longer presses on anything."""
    robot.stop()
    clock = robot.rig.clock
    clock.sleep_until(clock.now_ns() + round(RELAX_S * 1e9))


def _backwards(pose: Array) -> Array:
    """Return the (3,) direction in which the tool of a (7,) pose is drawn out."""
    return geometry.rotate(pose[3:], [0.0, 0.0, -1.0])


def _worth_going(here: Array, way: list[TravelLeg]) -> Iterator[TravelLeg]:
    for leg in way:
        if not _is_there(here, leg.goal):
            yield leg
            here = leg.goal


def _is_there(here: Array, goal: Array) -> bool:
    away_m = np.linalg.norm(goal[:3] - here[:3])
    away_rad = np.linalg.norm(geometry.rotation_between(here, goal))
    return bool(away_m < LEAST_M and away_rad < LEAST_RAD)
