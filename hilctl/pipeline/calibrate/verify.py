"""The step `verify`: what is known of a camera, drawn into what it sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import RigidTransform, Rotation

from hilctl.calibration import overlay
from hilctl.calibration.boards import parse_board
from hilctl.calibration.hand_eye import Mount
from hilctl.calibration.record import HandEyeRecord
from hilctl.calibration.views import write_picture
from hilctl.cameras.base import Camera
from hilctl.env.safety import reset_pose
from hilctl.errors import MissingStageError
from hilctl.pipeline.calibrate.camera_files import CameraFiles
from hilctl.pipeline.calibrate.devices import go_home
from hilctl.pipeline.calibrate.exposure import hold_exposure
from hilctl.pipeline.calibrate.identity import refuse_others
from hilctl.pipeline.calibrate.pictures import PATTERN_SQUARE_PX
from hilctl.robots.base import Robot
from hilctl.robots.scene import SimulatedScene
from hilctl.task.spec import TaskSpec

AXES_M = 0.05


def draw_what_is_known(
    spec: TaskSpec, files: CameraFiles, robot: Robot, camera: Camera, out: Path
) -> None:
    """Write a picture with the tool's axes, the bounds, the reset pose and the board drawn in.

    Args:
        spec: of the task.
        files: of the camera, whose intrinsics and place are known.
        robot: goes to the reset pose.
        camera: takes the picture.
        out: the PNG to write.

    Raises:
        MissingStageError: intrinsics or hand-eye are not known.
        HilctlError: the file cannot be written.
    """
    record, lens = files.record_with_lens()
    if record.hand_eye is None:
        raise MissingStageError(
            f"it is not known where camera {files.camera} sits", hint=files.command("hand-eye")
        )
    refuse_others(files.workspace, {files.camera: camera})
    hold_exposure(record, camera)
    board = parse_board(record.hand_eye.made.board)
    if isinstance(robot, SimulatedScene):
        pattern, in_hand = board.picture(PATTERN_SQUARE_PX), record.hand_eye.mount is Mount.WORLD
        robot.show_board(pattern, board.size_m, in_hand=in_hand)
    go_home(robot, spec.only_arm)
    image = camera.still().image
    here = robot.state().tcp_pose
    T_base_tcp = RigidTransform.from_components(here[:3], Rotation.from_quat(here[3:]))
    known = record.hand_eye
    on_tool = known.mount is Mount.TOOL
    T_base_cam = T_base_tcp * known.transform if on_tool else known.transform
    lens = lens.at_size((image.shape[1], image.shape[0]))
    drawn = overlay.draw(image, lens, T_base_cam, _lines(spec, known, T_base_tcp))
    write_picture(out, drawn)


def _lines(
    spec: TaskSpec, known: HandEyeRecord, T_base_tcp: RigidTransform
) -> list[overlay.OverlayLine]:
    bounds, home = spec.control.bounds, reset_pose(spec.reset)
    T_base_home = RigidTransform.from_components(home[:3], Rotation.from_quat(home[3:]))
    T_base_board = known.board if known.mount is Mount.TOOL else T_base_tcp * known.board
    return [
        *overlay.box(np.array(bounds.low[:3]), np.array(bounds.high[:3]), overlay.YELLOW),
        *overlay.outline(T_base_board, parse_board(known.made.board).size_m, overlay.WHITE),
        *overlay.axes(T_base_home, AXES_M / 2),
        *overlay.axes(T_base_tcp, AXES_M),
    ]
