"""What freehand pictures are taken with: a camera, and a robot that is led or out of the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from hilctl.calibration.boards import Board
from hilctl.calibration.hand_eye import Mount
from hilctl.cameras import CAMERAS
from hilctl.cameras.base import STILL_MAX_AGE_S, Camera, Frame
from hilctl.devices import Rig
from hilctl.errors import DeviceError
from hilctl.pipeline.calibration.camera_files import CameraFiles
from hilctl.pipeline.calibration.exposure import greet
from hilctl.pipeline.calibration.pictures import PATTERN_SQUARE_PX
from hilctl.pipeline.progress import Event, Report
from hilctl.robots import ROBOTS
from hilctl.robots.base import Robot
from hilctl.task.spec import TaskSpec

SMALL_PX = 320  # a frame less wide shows too little of a board


@dataclass(frozen=True)
class Devices:
    """What is open; a camera alone is enough for a board that is carried."""

    rig: Rig
    robot: Robot | None
    camera: Camera

    def look(self) -> Frame:
        """Return a frame that is large enough to find a board in."""
        frame = self.camera.latest(max_age_s=STILL_MAX_AGE_S)
        return frame if frame.image.shape[1] >= SMALL_PX else self.camera.still()


@contextmanager
def opened(
    spec: TaskSpec, files: CameraFiles, mount: Mount | None, seed: int, report: Report
) -> Iterator[Devices]:
    """Open the camera and the robot; without a mount the robot may be missing.

    Raises:
        DeviceError: a device that is needed cannot be opened.
    """
    rig = Rig(seed)
    with ExitStack() as stack:
        robot: Robot | None = None
        try:
            robot = stack.enter_context(ROBOTS.get(spec.robot.type)(spec.robot.options, rig))
        except DeviceError as error:
            if mount is not None:
                raise
            report(Event("without_robot", f"without the robot: {error.message}"))
        block = spec.cameras[files.camera]
        camera = stack.enter_context(CAMERAS.get(block.type)(block.options, rig))
        greet(files, camera)
        if robot is not None:
            stack.callback(robot.stop)
        yield Devices(rig, robot, camera)


def begin(devices: Devices, name: str, board: Board, mount: Mount | None, report: Report) -> None:
    """Let the simulator's person begin, or say what a real one has to do."""
    robot, pattern = devices.robot, board.picture(PATTERN_SQUARE_PX)
    if mount is None:
        if robot is None or not robot.carry_board(pattern, board.size_m, devices.camera):
            told = f"carry the board before camera {name}; left and right are as the camera sees it"
            report(Event("carry", told))
        return
    if robot is None:
        return
    robot.show_board(pattern, board.size_m, in_hand=mount is Mount.WORLD)
    if not robot.lead_by_hand():
        told = "lead the arm with its own free-drive: this driver cannot let go of it"
        report(Event("lead", told))
