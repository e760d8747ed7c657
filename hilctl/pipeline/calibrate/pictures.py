"""Pictures of a board, taken by a camera while the robot moves it or the board."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from hilctl.calibration.boards import Board, Detection
from hilctl.calibration.boards.base import Image
from hilctl.calibration.hand_eye import Mount
from hilctl.calibration.look import rough_intrinsics
from hilctl.calibration.pose_file import write_poses
from hilctl.calibration.proposals import propose_poses
from hilctl.calibration.views import write_picture
from hilctl.cameras.base import Camera
from hilctl.env.safety import reset_pose
from hilctl.errors import DataError, DeviceError
from hilctl.pipeline.calibrate.camera_files import CameraFiles
from hilctl.pipeline.calibrate.devices import go_home, go_to, open_devices
from hilctl.pipeline.calibrate.exposure import greet
from hilctl.pipeline.events import Event, Report, ShouldStop
from hilctl.robots.base import Robot, RobotState
from hilctl.robots.scene import SimulatedScene
from hilctl.task.files import os_errors
from hilctl.task.sections import Bounds
from hilctl.task.spec import TaskSpec

Array = NDArray[np.float64]

POSES_FILE = "poses.csv"
SHIFT_M = 0.02
PATTERN_SQUARE_PX = 40  # of a simulated board
WHERE = {
    Mount.TOOL: "lay it where the camera looks (a camera that is not on the arm: --mount world)",
    Mount.WORLD: "let the robot hold it before the camera (a camera on the arm: --mount tool)",
}
HELD_AHEAD_M = 0.07  # of the tcp: about the middle of a board in the hand
AHEAD_SHARE = 0.7  # of the distance to the board: the tool is nearer than the camera on it


@dataclass(frozen=True)
class CaptureDevices:
    """The robot and the camera that are open."""

    robot: Robot
    camera: Camera


def take_pictures(
    spec: TaskSpec,
    files: CameraFiles,
    board: Board,
    mount: Mount,
    *,
    count: int,
    seed: int,
    report: Report,
    stop: ShouldStop,
) -> Path:
    """Drive to `count` poses around the reset pose and photograph the board from each.

    Args:
        spec: of the task.
        files: of the camera; earlier pictures of it are replaced when all are taken.
        board: what is looked at.
        mount: whether the camera or the board is on the tool.
        count: of poses.
        seed: of simulated devices.
        report: told of every picture.
        stop: asked before every move.

    Returns:
        The folder of the pictures, with the poses beside them; one that is not complete has a name
        of its own, and the earlier pictures stay.

    Raises:
        DataError: the board is not in view at the reset pose.
        DeviceError: a device does not answer.
        HilctlError: the folder cannot be written.
    """
    with open_devices(spec, [files.camera], seed, files.workspace.root) as (robot, cameras):
        rig = CaptureDevices(robot, cameras[files.camera])
        greet(files, rig.camera, report)
        if isinstance(rig.robot, SimulatedScene):
            pattern = board.picture(PATTERN_SQUARE_PX)
            rig.robot.show_board(pattern, board.size_m, in_hand=mount is Mount.WORLD)
        home = reset_pose(spec.reset)
        go_home(robot, spec.only_arm)
        view = _board_in_view(board, rig.camera.still().image, mount)
        pivot_m = HELD_AHEAD_M if mount is Mount.WORLD else _distance_ahead_m(view)
        poses = propose_poses(home, count, pivot_m=pivot_m, shift_m=SHIFT_M)
        folder = begin_pictures(files)
        taken: dict[str, RigidTransform] = {}
        for number, pose in enumerate(poses, start=1):
            if stop():
                return folder
            try:
                go_to(robot, _within(pose, spec.control.bounds))
            except DeviceError as error:
                told = f"pictures {number}/{count} · left out: {error.message}"
                report(Event("picture", told, number, count, {"picture": number, "corners": None}))
                continue
            name = f"{number:03}.png"
            taken[name], corners = _photograph(rig, folder / name, board)
            write_poses(folder / POSES_FILE, taken)
            report(_told(number, count, corners))
        go_to(robot, home)
    return complete_pictures(files)


def _photograph(rig: CaptureDevices, file: Path, board: Board) -> tuple[RigidTransform, int]:
    """Write a picture; return where the tool is, and how many corners it shows."""
    image = rig.camera.still().image
    T_base_tcp = tool_pose(rig.robot.state())
    write_picture(file, image)
    view = board.detect(image)
    return T_base_tcp, len(view.ids) if view else 0


def begin_pictures(files: CameraFiles) -> Path:
    """Return an empty folder for a camera's pictures; the earlier ones stay for the time being.

    Raises:
        HilctlError: the folder cannot be written.
    """
    with os_errors(files.unfinished_pictures):
        shutil.rmtree(files.unfinished_pictures, ignore_errors=True)
        files.unfinished_pictures.mkdir(parents=True)
    return files.unfinished_pictures


def complete_pictures(files: CameraFiles) -> Path:
    """Put the pictures that were taken in the place of the earlier ones; return their folder.

    Raises:
        HilctlError: the folder cannot be written.
    """
    with os_errors(files.pictures):
        shutil.rmtree(files.pictures, ignore_errors=True)
        files.unfinished_pictures.rename(files.pictures)
    return files.pictures


def tool_pose(state: RobotState) -> RigidTransform:
    """Return `T_base_tcp` as the robot measured it."""
    here = state.tcp_pose
    return RigidTransform.from_components(here[:3], Rotation.from_quat(here[3:]))


def _board_in_view(board: Board, image: Image, mount: Mount) -> Detection:
    """Return how the board is seen before anything is turned.

    Raises:
        DataError: it is not in view.
    """
    view = board.detect(image)
    if view is not None:
        return view
    raise DataError(
        "the board is not in view at the reset pose: "
        + (board.explain_absence(image) or "nothing like it is there"),
        hint=f"{WHERE[mount]}, all of it in view, and check --board",
    )


def _distance_ahead_m(view: Detection) -> float:
    """Return about how far ahead of the tool a board lies."""
    distance_m = rough_intrinsics(view).locate(view).apply(np.mean(view.object_m, axis=0))[2]
    return AHEAD_SHARE * float(distance_m)


def _within(pose: Array, bounds: Bounds) -> Array:
    """Return a pose whose place is within the task's bounds; its turn stays."""
    inside = pose.copy()
    inside[:3] = np.clip(pose[:3], bounds.low[:3], bounds.high[:3])
    return inside


def _told(number: int, count: int, corners: int) -> Event:
    what = f"{corners} corners" if corners else "the board is not in view"
    figures = {"picture": number, "corners": corners}
    return Event("picture", f"pictures {number}/{count} · {what}", number, count, figures)
