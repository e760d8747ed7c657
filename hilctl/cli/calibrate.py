"""`hilctl calibrate`: what each camera is, where it sits, what is seen of it, with a verdict."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from hilctl.cli.options import JsonOption, MotionOption, SeedOption, TaskOption
from hilctl.cli.render import Output
from hilctl.cli.suggestions import cameras


class CalibrationStep(enum.StrEnum):
    """What to calibrate."""

    BOARD = "board"
    EXPOSURE = "exposure"
    ROI = "roi"
    INTRINSICS = "intrinsics"
    HAND_EYE = "hand-eye"
    VERIFY = "verify"
    DRIFT = "drift"
    EXPORT = "export"


class MountOption(enum.StrEnum):
    """What carries a camera."""

    TOOL = "tool"
    WORLD = "world"


def calibrate(
    step: Annotated[
        CalibrationStep | None,
        typer.Argument(help="What to calibrate.  [default: guide through all of it]"),
    ] = None,
    camera: Annotated[
        str | None,
        typer.Option(
            "--camera", metavar="NAME", help="As in the task file.", autocompletion=cameras
        ),
    ] = None,
    board: Annotated[
        str | None,
        typer.Option(
            "--board",
            metavar="B",
            help="Or chessboard:9x6:25mm, by inner corners.  [default: charuco:7x5:30mm:22mm]",
        ),
    ] = None,
    roi: Annotated[
        str | None,
        typer.Option("--roi", metavar="X,Y,W,H", help="Crop in px of the raw frame, or full."),
    ] = None,
    freehand: Annotated[
        bool, typer.Option("--freehand", help="You move the board, or the arm with --mount.")
    ] = False,
    images: Annotated[
        Path | None,
        typer.Option("--images", metavar="DIR", help="Pictures that are there already."),
    ] = None,
    poses: Annotated[
        Path | None,
        typer.Option(
            "--poses", metavar="FILE", help="Their poses, for hand-eye: a table or matrices."
        ),
    ] = None,
    mount: Annotated[
        MountOption | None,
        typer.Option("--mount", help="Whether the camera is on the tool or fixed."),
    ] = None,
    count: Annotated[
        int, typer.Option("-n", "--count", min=12, max=200, help="Pictures to take.")
    ] = 25,
    out: Annotated[
        Path | None,
        typer.Option("--save", "--out", metavar="FILE", help="What to write, for board, verify."),
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Take a new reference of what is seen now, for drift.")
    ] = False,
    seed: SeedOption = 0,
    task: TaskOption = None,
    allow_motion: MotionOption = False,
    as_json: JsonOption = False,
) -> None:
    """Hold a camera's exposure, choose what is seen of it, find what it is and where it sits.

    Every step is optional; without one you are asked. What is found goes to
    calibration/CAMERA.json, if it can be trusted on pictures it was not made from. record-demos,
    record-labels, train and eval apply exposure and crop, and compare each camera with its
    reference picture from drift. Without --images and --freehand the robot takes the pictures of
    the board: it moves the camera, or the board in its hand.
    """
    from hilctl.calibration.boards import parse_board
    from hilctl.cli.calibration import board_steps, camera_steps
    from hilctl.cli.calibration.job import DEFAULT_BOARD, CalibrationSetup, CameraJob
    from hilctl.cli.calibration.overview import overview
    from hilctl.pipeline.calibrate.camera_files import CameraFiles, only_camera
    from hilctl.pipeline.calibrate.crops import uncropped
    from hilctl.task.workspace import Workspace

    output = Output(as_json=as_json)
    if step is CalibrationStep.BOARD:
        pattern = parse_board(board or DEFAULT_BOARD)
        board_steps.sheet(output, pattern, out or Path("board.pdf"), task)
        return
    workspace = Workspace.find(task)
    if step is CalibrationStep.ROI:  # a crop that no longer fits is no reason not to choose another
        workspace = uncropped(workspace)
    station = CalibrationSetup(output, workspace, seed, allow_motion)
    if step is None:
        if output.interactive:
            from hilctl.cli.calibration.guide import guide

            guide(station)
        else:
            overview(output, workspace)
        return
    if step in (CalibrationStep.EXPOSURE, CalibrationStep.DRIFT):
        names = [CameraFiles(workspace, camera).camera] if camera else list(workspace.spec.cameras)
        if step is CalibrationStep.EXPOSURE:
            camera_steps.exposure(station, names)
        else:
            camera_steps.drift(station, names, accept=accept)
        return
    files = CameraFiles(workspace, camera or only_camera(workspace))
    job = CameraJob(station, files, mount, freehand)
    if step is CalibrationStep.ROI:
        camera_steps.crop(job, roi)
    elif step is CalibrationStep.VERIFY:
        board_steps.verify(job, out)
    elif step is CalibrationStep.EXPORT:
        camera_steps.export(job)
    elif step is CalibrationStep.INTRINSICS:
        if not (images or freehand):
            job = job.with_mount_asked()
        pattern = job.board(board, is_there=images is not None)
        board_steps.intrinsics(job, images or board_steps.take(job, pattern, count), pattern)
    else:
        job = job.with_mount_asked()
        job.required_mount()
        pattern = job.board(board, is_there=images is not None)
        folder = images or board_steps.take(job, pattern, count)
        board_steps.hand_eye(job, folder, poses, pattern)
