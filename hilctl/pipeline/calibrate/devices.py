"""Robot and cameras without the rest of a station, for calibration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilctl.cameras import CAMERAS
from hilctl.cameras.base import STILL_MAX_AGE_S, Camera, Frame
from hilctl.devices import Rig
from hilctl.driver_faults import attended
from hilctl.env.make import look_after, rig_of
from hilctl.env.robot_env import LoopWatch, UnwatchedLoop
from hilctl.env.safety import reset_pose
from hilctl.env.travel import Travel, move, relax
from hilctl.errors import DeviceError
from hilctl.pipeline.events import Event, Report
from hilctl.robots import ROBOTS
from hilctl.robots.base import Robot
from hilctl.robots.scene import SimulatedScene
from hilctl.task.sections import ArmSpec
from hilctl.task.spec import TaskSpec

SPEED = 0.2  # share of the robot's limits
REST_S = 0.3  # after a move, before a picture
SMALL_PX = 320  # a frame less wide shows too little of a board


@contextmanager
def open_devices(
    spec: TaskSpec, names: Iterable[str], seed: int, folder: Path | None = None
) -> Iterator[tuple[Robot, dict[str, Camera]]]:
    """Open a task's robot and some of its cameras; the robot stops first, whatever happens.

    A real one is watched: should this process die, another one holds the arm.

    Args:
        spec: of the task.
        names: of the cameras.
        seed: of simulated devices.
        folder: of the task.

    Raises:
        DeviceError: a device cannot be opened.
    """
    rig = rig_of(spec, seed, folder=folder)
    with ExitStack() as stack:
        robot = stack.enter_context(_robot(spec, rig))
        watch: LoopWatch = UnwatchedLoop()
        if not isinstance(robot, SimulatedScene):
            period_s = 1.0 / spec.control.rate_hz
            watch = look_after({"": robot}, robot.stop, period_s, rig, stack)
        cameras = {}
        for name in names:
            cameras[name] = stack.enter_context(_camera(spec, name, rig))
        stack.callback(_stop, robot, watch)
        yield robot, cameras


def go_to(robot: Robot, tcp_pose: NDArray[np.float64]) -> None:
    """Move slowly to a (7,) pose, and let the robot come to rest there.

    Raises:
        DeviceError: it cannot go there.
    """
    move(robot, tcp_pose, SPEED)
    _rest(robot)


def go_home(robot: Robot, spec: ArmSpec) -> None:
    """Move slowly to the reset pose from wherever the tool is, and come to rest there.

    Raises:
        DeviceError: something is in its way.
    """
    relax(robot)
    Travel(spec, SPEED).go(robot, reset_pose(spec.reset))
    _rest(robot)


def _stop(robot: Robot, watch: LoopWatch) -> None:
    robot.stop()
    watch.rest()  # not when it has failed to stop


def _rest(robot: Robot) -> None:
    clock = robot.rig.clock
    clock.sleep_until(clock.now_ns() + round(REST_S * 1e9))


@dataclass(frozen=True)
class OpenCamera:
    """A camera that is open, and the robot if it is there."""

    rig: Rig
    robot: Robot | None
    camera: Camera

    def look(self) -> Frame:
        """Return a frame that is large enough to find a board in."""
        frame = self.camera.latest(max_age_s=STILL_MAX_AGE_S)
        return frame if frame.image.shape[1] >= SMALL_PX else self.camera.still()


@contextmanager
def open_camera(
    spec: TaskSpec,
    name: str,
    seed: int,
    report: Report,
    *,
    needs_robot: bool,
    folder: Path | None = None,
) -> Iterator[OpenCamera]:
    """Open one camera, and the robot, which nothing here moves.

    Args:
        spec: of the task.
        name: of the camera.
        seed: of simulated devices.
        report: told when the robot is missing.
        needs_robot: it must not be missing.
        folder: of the task.

    Raises:
        DeviceError: a device that is needed cannot be opened.
    """
    rig = rig_of(spec, seed, folder=folder)
    with ExitStack() as stack:
        robot: Robot | None = None
        try:
            robot = stack.enter_context(_robot(spec, rig))
        except DeviceError as error:
            if needs_robot:
                raise
            report(Event("without_robot", f"without the robot: {error.message}"))
        camera = stack.enter_context(_camera(spec, name, rig))
        if robot is not None:
            stack.callback(robot.stop)
        yield OpenCamera(rig, robot, camera)


def _robot(spec: TaskSpec, rig: Rig) -> Robot:
    return attended("robot", ROBOTS.get(spec.robot.type), spec.robot.options, rig)


def _camera(spec: TaskSpec, name: str, rig: Rig) -> Camera:
    block = spec.cameras[name]
    return attended(f"camera {name}", CAMERAS.get(block.type), block.options, rig)
