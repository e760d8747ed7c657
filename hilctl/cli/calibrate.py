"""`hilctl calibrate`: boards to print, what each camera is and where it sits, with a verdict."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilctl.cli import calibration_steps as steps
from hilctl.cli.options import JsonOption, MotionOption, SeedOption, TaskOption
from hilctl.cli.render import Output
from hilctl.errors import UsageError

if TYPE_CHECKING:
    from hilctl.task.workspace import Workspace

DEFAULT_BOARD = "charuco:7x5:30mm:22mm"
# what the simulator's cameras see all of: on the table, and in the hand
SIM_BOARDS = {"tool": "charuco:7x5:20mm:15mm", "world": "charuco:7x5:12mm:9mm"}


class Step(enum.StrEnum):
    """What to calibrate."""

    BOARD = "board"
    INTRINSICS = "intrinsics"
    HAND_EYE = "hand-eye"
    VERIFY = "verify"
    DRIFT = "drift"


class On(enum.StrEnum):
    """What carries a camera."""

    TOOL = "tool"
    WORLD = "world"


def calibrate(
    step: Annotated[
        Step | None, typer.Argument(help="What to calibrate.  [default: tell what is known]")
    ] = None,
    camera: Annotated[
        str | None, typer.Option("--camera", metavar="NAME", help="As in the task file.")
    ] = None,
    board: Annotated[
        str | None,
        typer.Option(
            "--board",
            metavar="B",
            help="Or chessboard:9x6:25mm, by inner corners.  [default: charuco:7x5:30mm:22mm]",
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option("--images", metavar="DIR", help="Pictures that are there already."),
    ] = None,
    poses: Annotated[
        Path | None,
        typer.Option("--poses", metavar="FILE", help="Their poses, for hand-eye: a CSV table."),
    ] = None,
    mount: Annotated[
        On | None, typer.Option("--mount", help="Whether the camera is on the tool or fixed.")
    ] = None,
    count: Annotated[
        int, typer.Option("-n", "--count", min=12, max=200, help="Pictures to take.")
    ] = 25,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="What to write, for board and verify."),
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Take a new reference of what is seen now, for drift.")
    ] = False,
    seed: SeedOption = 0,
    task: TaskOption = None,
    allow_motion: MotionOption = False,
    as_json: JsonOption = False,
) -> None:
    """Print a board, find a camera's intrinsics and where it sits, and notice when it has moved.

    Without --images the robot takes the pictures: it moves the camera, or the board in its hand.
    What is found goes to calibration/CAMERA.json, if it can be trusted on pictures it was not made
    from. drift keeps a reference picture of each camera, with which record-demos, record-labels,
    train and eval compare what they see.
    """
    from hilctl.calibration.boards import parse_board

    output = Output(as_json=as_json)
    if step is Step.BOARD:
        steps.sheet(output, parse_board(board or DEFAULT_BOARD), out or Path("board.pdf"))
        return
    from hilctl.pipeline.calibration.camera_files import CameraFiles
    from hilctl.task.workspace import Workspace

    workspace = Workspace.find(task)
    if step is None:
        steps.overview(output, workspace)
        return
    if step is Step.DRIFT:
        steps.drift(output, workspace, camera, seed, accept=accept, allow_motion=allow_motion)
        return
    files = CameraFiles(workspace, camera or _only_camera(workspace))
    job = steps.Job(output, workspace, files, mount, seed, allow_motion)
    if step is Step.VERIFY:
        steps.verify(job, out)
        return
    pattern = parse_board(board or _usual_board(workspace, mount))
    folder = images or steps.take(job, pattern, count)
    if step is Step.INTRINSICS:
        steps.intrinsics(job, folder, pattern)
    else:
        steps.hand_eye(job, folder, poses, pattern)


def _usual_board(workspace: Workspace, mount: On | None) -> str:
    if workspace.spec.robot.type == "sim" and mount is not None:
        return SIM_BOARDS[mount]
    return DEFAULT_BOARD


def _only_camera(workspace: Workspace) -> str:
    names = list(workspace.spec.cameras)
    if len(names) == 1:
        return names[0]
    raise UsageError(
        f"the task has {len(names)} cameras", hint=f"say which: --camera {' or '.join(names)}"
    )
