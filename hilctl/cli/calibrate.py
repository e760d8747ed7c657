"""`hilctl calibrate`: what each camera is and where it sits; every step a command of its own."""

from __future__ import annotations

import enum
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilctl.cli.options import (
    SETTINGS,
    JsonOption,
    MotionOption,
    SeedOption,
    TaskOption,
    refuse_options_before,
)
from hilctl.cli.render import Output
from hilctl.cli.suggestions import cameras

if TYPE_CHECKING:
    from hilctl.cli.calibration.job import CalibrationSetup, CameraJob


class MountOption(enum.StrEnum):
    """What carries a camera."""

    TOOL = "tool"
    WORLD = "world"


CameraOption = Annotated[
    str | None,
    typer.Option("--camera", metavar="NAME", help="As in the task file.", autocompletion=cameras),
]
BoardOption = Annotated[
    str | None,
    typer.Option(
        "--board",
        metavar="B",
        help="Or chessboard:9x6:25mm, by inner corners.  [default: charuco:7x5:30mm:22mm]",
    ),
]
FreehandOption = Annotated[
    bool, typer.Option("--freehand", help="You move the board, or the arm with --mount.")
]
ImagesOption = Annotated[
    Path | None, typer.Option("--images", metavar="DIR", help="Pictures that are there already.")
]
MountedOption = Annotated[
    MountOption | None, typer.Option("--mount", help="Whether the camera is on the tool or fixed.")
]
CountOption = Annotated[
    int, typer.Option("-n", "--count", min=12, max=200, help="Pictures to take.")
]
OutOption = Annotated[
    Path | None, typer.Option("--save", "--out", metavar="FILE", help="What to write.")
]

# In the order of the work: name → help line
STEPS = {
    "exposure": "hold exposure, gain and white balance",
    "roi": "choose what the policy sees",
    "board": "a board to print, at true scale",
    "intrinsics": "focal lengths, centre and distortion",
    "hand-eye": "where a camera sits",
    "verify": "draw what is known into what is seen",
    "drift": "notice when a camera was moved",
    "export": "write the lens for ROS and Kalibr",
}

calibrate = typer.Typer(add_completion=False, rich_markup_mode=None, subcommand_metavar="[step] …")


def _step(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return calibrate.command(name, short_help=STEPS[name], context_settings=SETTINGS)


@calibrate.callback(invoke_without_command=True, context_settings=SETTINGS)
def guided(
    context: typer.Context,
    seed: SeedOption = 0,
    task: TaskOption = None,
    allow_motion: MotionOption = False,
    as_json: JsonOption = False,
) -> None:
    """Hold a camera's exposure, choose what is seen of it, find what it is and where it sits.

    Every step is optional; without one you are asked. What is found goes to
    calibration/CAMERA.json, if it can be trusted on pictures it was not made from. record-demos,
    record-labels, train and eval apply exposure and crop, and compare each camera with its
    reference picture from drift.
    """
    if context.invoked_subcommand is not None:
        refuse_options_before(context)
        return
    output = Output(as_json=as_json)
    setup = _setup(output, seed, task, allow_motion)
    if output.interactive:
        from hilctl.cli.calibration.guide import guide

        guide(setup)
    else:
        from hilctl.cli.calibration.overview import overview

        overview(output, setup.workspace)


@_step("exposure")
def exposure(
    camera: CameraOption = None,
    seed: SeedOption = 0,
    task: TaskOption = None,
    allow_motion: MotionOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let cameras settle, then hold exposure, gain and white balance."""
    from hilctl.cli.calibration import camera_steps

    setup = _setup(Output(as_json=as_json), seed, task, allow_motion)
    camera_steps.exposure(setup, _names(setup, camera))


@_step("roi")
def roi(
    camera: CameraOption = None,
    box: Annotated[
        str | None,
        typer.Option("--roi", metavar="X,Y,W,H", help="Crop in px of the raw frame, or full."),
    ] = None,
    seed: SeedOption = 0,
    task: TaskOption = None,
    as_json: JsonOption = False,
) -> None:
    """Choose what the policy sees of a camera, in a window or in the terminal."""
    from dataclasses import replace

    from hilctl.cli.calibration import camera_steps
    from hilctl.pipeline.calibrate.crops import uncropped

    setup = _setup(Output(as_json=as_json), seed, task)
    # a crop that no longer fits is no reason not to choose another
    setup = replace(setup, workspace=uncropped(setup.workspace))
    camera_steps.crop(_job(setup, camera), box)


@_step("board")
def print_board(
    board: BoardOption = None,
    out: OutOption = None,
    task: TaskOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a board to print, at true scale."""
    from hilctl.calibration.boards import parse_board
    from hilctl.cli.calibration import board_steps
    from hilctl.cli.calibration.job import DEFAULT_BOARD

    pattern = parse_board(board or DEFAULT_BOARD)
    board_steps.sheet(Output(as_json=as_json), pattern, out or Path("board.pdf"), task)


@_step("intrinsics")
def intrinsics(
    camera: CameraOption = None,
    mount: MountedOption = None,
    board: BoardOption = None,
    freehand: FreehandOption = False,
    images: ImagesOption = None,
    count: CountOption = 25,
    seed: SeedOption = 0,
    task: TaskOption = None,
    allow_motion: MotionOption = False,
    as_json: JsonOption = False,
) -> None:
    """Find a camera's focal lengths, centre and distortion, from pictures of a board.

    Without --images and --freehand the robot takes them: it moves the camera, or the board in its
    hand.
    """
    from hilctl.cli.calibration import board_steps

    setup = _setup(Output(as_json=as_json), seed, task, allow_motion)
    job = _job(setup, camera, mount, freehand=freehand)
    if not (images or freehand):
        job = job.with_mount_asked()
    pattern = job.board(board, is_there=images is not None)
    board_steps.intrinsics(job, images or board_steps.take(job, pattern, count), pattern)


@_step("hand-eye")
def hand_eye(
    camera: CameraOption = None,
    mount: MountedOption = None,
    board: BoardOption = None,
    freehand: FreehandOption = False,
    images: ImagesOption = None,
    poses: Annotated[
        Path | None,
        typer.Option("--poses", metavar="FILE", help="Their poses: a table or matrices."),
    ] = None,
    count: CountOption = 25,
    seed: SeedOption = 0,
    task: TaskOption = None,
    allow_motion: MotionOption = False,
    as_json: JsonOption = False,
) -> None:
    """Find where a camera sits, on the tool or fixed, from pictures of a board and their poses.

    Without --images and --freehand the robot takes them: it moves the camera, or the board in its
    hand.
    """
    from hilctl.cli.calibration import board_steps

    setup = _setup(Output(as_json=as_json), seed, task, allow_motion)
    job = _job(setup, camera, mount, freehand=freehand).with_mount_asked()
    job.required_mount()
    pattern = job.board(board, is_there=images is not None)
    folder = images or board_steps.take(job, pattern, count)
    board_steps.hand_eye(job, folder, poses, pattern)


@_step("verify")
def verify(
    camera: CameraOption = None,
    out: OutOption = None,
    seed: SeedOption = 0,
    task: TaskOption = None,
    allow_motion: MotionOption = False,
    as_json: JsonOption = False,
) -> None:
    """Draw the tool, the bounds and the board into what a camera sees."""
    from hilctl.cli.calibration import board_steps

    setup = _setup(Output(as_json=as_json), seed, task, allow_motion)
    board_steps.verify(_job(setup, camera), out)


@_step("drift")
def drift(
    camera: CameraOption = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Take a new reference of what is seen now.")
    ] = False,
    seed: SeedOption = 0,
    task: TaskOption = None,
    allow_motion: MotionOption = False,
    as_json: JsonOption = False,
) -> None:
    """Keep a picture of what each camera sees at the reset pose, or compare with it."""
    from hilctl.cli.calibration import camera_steps

    setup = _setup(Output(as_json=as_json), seed, task, allow_motion)
    camera_steps.drift(setup, _names(setup, camera), accept=accept)


@_step("export")
def export(
    camera: CameraOption = None, task: TaskOption = None, as_json: JsonOption = False
) -> None:
    """Write a camera's lens for ROS (camera_info) and Kalibr (camchain)."""
    from hilctl.cli.calibration import camera_steps

    camera_steps.export(_job(_setup(Output(as_json=as_json), 0, task), camera))


def _setup(
    output: Output, seed: int, task: Path | None, allow_motion: bool = False
) -> CalibrationSetup:
    from hilctl.cli.calibration.job import CalibrationSetup
    from hilctl.pipeline.calibrate.camera_files import require_robot
    from hilctl.task.workspace import Workspace

    workspace = Workspace.find(task)
    require_robot(workspace)
    return CalibrationSetup(output, workspace, seed, allow_motion)


def _job(
    setup: CalibrationSetup,
    camera: str | None,
    mount: MountOption | None = None,
    *,
    freehand: bool = False,
) -> CameraJob:
    """Return what is to be done for one camera: the one that was named, or the only one."""
    from hilctl.cli.calibration.job import CameraJob
    from hilctl.pipeline.calibrate.camera_files import CameraFiles, only_camera

    workspace = setup.workspace
    return CameraJob(
        setup, CameraFiles(workspace, camera or only_camera(workspace)), mount, freehand
    )


def _names(setup: CalibrationSetup, camera: str | None) -> list[str]:
    """Return the camera that was named, or all of them."""
    from hilctl.pipeline.calibrate.camera_files import CameraFiles

    if camera is None:
        return list(setup.workspace.spec.cameras)
    return [CameraFiles(setup.workspace, camera).camera]
