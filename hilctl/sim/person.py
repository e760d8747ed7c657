"""A simulated person who carries a board before a camera, or leads the arm by the hand.

They go from station to station without end and rest at each. Stations spread without gaps over
tilts, turns, places and distances: they are the additive recurrence of Roberts (2018), "The
unreasonable effectiveness of quasirandom sequences", whose start is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import mujoco
import numpy as np
from numpy.typing import NDArray

from hilctl import geometry

if TYPE_CHECKING:
    from hilctl.sim.arm import SimArm
    from hilctl.sim.world import SimWorld

Array = NDArray[np.float64]

MOVE_S, REST_S = 1.5, 1.0
TURN_RAD_S = 0.8  # of the arm, on average: its controller turns at 1.3 at most
SMALLEST, LARGEST = 0.4, 0.9  # a carried board's longer side, in shorter sides of the picture
WITHIN = 0.92  # of the picture, so that all of the board is in it
CARRIED_TILT_RAD, LED_TILT_RAD = np.deg2rad(35.0), np.deg2rad(25.0)
CARRIED_ROLL_RAD, LED_ROLL_RAD = np.deg2rad(45.0), np.deg2rad(30.0)
SHIFT_M = 0.015


class Person(Protocol):
    """Somebody who does something as time goes by."""

    def act(self, stamp_ns: int) -> None:
        """Do what is due at a moment."""
        ...


@dataclass(frozen=True)
class CameraView:
    """A camera before which a board is carried.

    Attributes:
        view: its name in the scene.
        aspect: width of its pictures in heights.
    """

    view: str
    aspect: float


class WaypointPath:
    """A smooth way along stations, with a rest at each.

    Args:
        start: (7,) pose at `stamp_ns`.
        stations: (7,) poses.
        stamp_ns: when it begins.
    """

    def __init__(self, start: Array, stations: Iterator[Array], stamp_ns: int) -> None:
        self._stations = stations
        self._from, self._to, self._left_ns, self._move_s = start, start, stamp_ns, 0.0

    def at(self, stamp_ns: int) -> Array:
        """Return the (7,) pose at a moment; moments must not go back."""
        since_s = (stamp_ns - self._left_ns) * 1e-9
        while since_s >= self._move_s + REST_S:
            self._left_ns += round((self._move_s + REST_S) * 1e9)
            since_s = (stamp_ns - self._left_ns) * 1e-9
            self._from, self._to = self._to, next(self._stations)
            turn_rad = float(np.linalg.norm(geometry.rotation_between(self._from, self._to)))
            self._move_s = max(MOVE_S, turn_rad / TURN_RAD_S)
        if since_s >= self._move_s:
            return self._to
        share = since_s / self._move_s
        smooth = share**3 * (10 - 15 * share + 6 * share**2)  # least jerk
        return geometry.interpolate(self._from, self._to, smooth)


class BoardCarrier:
    """Carry a board before a camera.

    Args:
        world: its body "board" is moved.
        eye: the camera; it must not move.
        size_m: width and height of the pattern.
        rng: draws where the tour begins.
    """

    def __init__(
        self,
        world: SimWorld,
        eye: CameraView,
        size_m: tuple[float, float],
        rng: np.random.Generator,
    ) -> None:
        self._data = world.data
        self._T_base_cam = world.camera_pose(eye.view)
        fovy_rad = np.deg2rad(world.model.camera(eye.view).fovy[0])
        stations = _before_a_camera(0.5 / np.tan(fovy_rad / 2), eye.aspect, size_m, rng)
        self._tour = WaypointPath(next(stations), stations, world.time_ns)
        self.act(world.time_ns)
        mujoco.mj_kinematics(world.model, world.data)

    def act(self, stamp_ns: int) -> None:
        """Put the board where it is at a moment."""
        pose = geometry.compose(self._T_base_cam, self._tour.at(stamp_ns))
        self._data.mocap_pos[0] = pose[:3]
        self._data.mocap_quat[0] = pose[[6, 3, 4, 5]]


class HandGuide:
    """Lead the arm by the hand around where it is.

    Args:
        arm: that is led.
        pivot_m: how far ahead of the tool a point is about which it turns; what is there stays in
            view.
        rng: draws where the tour begins.
        stamp_ns: when it begins.
    """

    def __init__(
        self, arm: SimArm, pivot_m: float, rng: np.random.Generator, stamp_ns: int
    ) -> None:
        self._arm = arm
        home = arm.tcp_pose()
        self._tour = WaypointPath(home, _around(home, pivot_m, rng), stamp_ns)

    def act(self, stamp_ns: int) -> None:
        """Pull the tool to where it is at a moment."""
        self._arm.set_target(self._tour.at(stamp_ns))


def _spread(rng: np.random.Generator, dimensions: int) -> Iterator[Array]:
    """Yield points of the unit cube, without end and without gaps."""
    ratio = 2.0  # the positive root of x^(d + 1) = x + 1, by iteration
    for _ in range(60):
        ratio = (1 + ratio) ** (1 / (dimensions + 1))
    step = ratio ** -np.arange(1.0, dimensions + 1)
    point = rng.random(dimensions)
    while True:
        yield point
        point = (point + step) % 1


def _turned(tilt_rad: float, azimuth: float, roll_rad: float) -> Array:
    """Return the (4,) turn of something that was rolled and then tilted."""
    axis = [np.cos(2 * np.pi * azimuth), np.sin(2 * np.pi * azimuth), 0.0]
    tilt = geometry.quat_from_rotvec(tilt_rad * np.array(axis))
    return geometry.quat_multiply(tilt, geometry.quat_from_rotvec([0, 0, roll_rad]))


def _before_a_camera(
    focal: float, aspect: float, size_m: tuple[float, float], rng: np.random.Generator
) -> Iterator[Array]:
    """Yield (7,) `T_cam_board` as a careful person shows it: all of the board in the picture.

    Args:
        focal: focal length in heights of the picture.
        aspect: width of the picture in its heights.
        size_m: width and height of the pattern.
        rng: draws where it begins.
    """
    across = np.array([aspect, 1.0])
    middle = np.array([*size_m, 0.0]) / 2
    for size, x, y, tilt, azimuth, roll in _spread(rng, 6):
        roll_rad = CARRIED_ROLL_RAD * (2 * roll - 1)
        turn = _turned(CARRIED_TILT_RAD * np.sqrt(tilt), azimuth, roll_rad)
        c, s = np.cos(roll_rad), abs(np.sin(roll_rad))
        extent = np.array([[c, s], [s, c]]) @ size_m / max(size_m)
        wished = (SMALLEST + (LARGEST - SMALLEST) * size) * across.min()
        scale = min(wished, *(WITHIN * across / extent))
        room = np.maximum(WITHIN * across - scale * extent, 0) / 2
        # the sine drives it to the edges of the picture, where a person takes it on purpose
        aside = room * np.sin(np.pi * (np.array([x, y]) - 0.5))
        distance_m = focal * max(size_m) / scale
        place = distance_m * np.array([*(aside / focal), 1.0])
        yield geometry.pose(place - geometry.rotate(turn, middle), turn)


def _around(T_base_tcp: Array, pivot_m: float, rng: np.random.Generator) -> Iterator[Array]:
    """Yield (7,) poses of the tcp, turned about a point ahead of it."""
    ahead = geometry.pose([0, 0, pivot_m], geometry.IDENTITY[3:])
    for tilt, azimuth, roll, *shift in _spread(rng, 6):
        turn = _turned(LED_TILT_RAD * np.sqrt(tilt), azimuth, LED_ROLL_RAD * (2 * roll - 1))
        moved = geometry.pose(SHIFT_M * (2 * np.array(shift) - 1), turn)
        T_tcp_led = geometry.compose(geometry.compose(ahead, moved), geometry.inverse(ahead))
        yield geometry.compose(T_base_tcp, T_tcp_led)
