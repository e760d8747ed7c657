"""Robot and cameras without the rest of a station, for calibration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from hilctl.cameras import CAMERAS
from hilctl.cameras.base import Camera
from hilctl.devices import Rig
from hilctl.robots import ROBOTS
from hilctl.robots.base import Robot
from hilctl.task.spec import TaskSpec


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
