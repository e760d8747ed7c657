"""Robot and cameras without the rest of a station, for calibration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
from numpy.typing import NDArray

from hilctl.cameras import CAMERAS
from hilctl.cameras.base import Camera
from hilctl.devices import Rig
from hilctl.robots import ROBOTS
from hilctl.robots.base import Robot
from hilctl.task.spec import TaskSpec

SPEED = 0.2  # share of the robot's limits
REST_S = 0.3  # after a move, before a picture


@contextmanager
def open_devices(
    spec: TaskSpec, names: Iterable[str], seed: int
) -> Iterator[tuple[Robot, dict[str, Camera]]]:
    """Open a task's robot and some of its cameras; the robot stops first, whatever happens.

    Raises:
        DeviceError: a device cannot be opened.
    """
    rig = Rig(seed)
    with ExitStack() as stack:
        robot = ROBOTS.get(spec.robot.type)(spec.robot.options, rig)
        stack.enter_context(robot)
        cameras = {}
        for name in names:
            block = spec.cameras[name]
            cameras[name] = stack.enter_context(CAMERAS.get(block.type)(block.options, rig))
        stack.callback(robot.stop)
        yield robot, cameras


def go_to(robot: Robot, tcp_pose: NDArray[np.float64]) -> None:
    """Move slowly to a (7,) pose, and let the robot come to rest there.

    Raises:
        DeviceError: it cannot go there.
    """
    robot.move_to(tcp_pose, speed=SPEED)
    clock = robot.rig.clock
    clock.sleep_until(clock.now_ns() + round(REST_S * 1e9))
