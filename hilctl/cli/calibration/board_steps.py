"""Steps that look at a board: its print, pictures of it, what they tell, and an overlay of that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hilctl.cli.calibration.overview import next_step
from hilctl.cli.render import Output
from hilctl.errors import DataError, TaskFileError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hilctl.calibration.boards import Board
    from hilctl.calibration.record import IntrinsicsRecord
    from hilctl.cli.calibration.job import CameraJob


def sheet(output: Output, board: Board, out: Path, task: Path | None = None) -> Board:
    """Write a board to print; return it with its squares as they were measured on paper.

    Raises:
        UsageError: the file is not called as a PDF.
    """
    from hilctl.calibration.boards.sheet import write_sheet
    from hilctl.cli.prompts import ask

    _require_suffix(out, ".pdf")
    paper = write_sheet(out, board)
    output.say(f"{out}: {board} on {paper}")
    output.say("print it at 100 %, glue it to something flat, and measure a square with a ruler:")
    output.say("an error of 1 % there is one of 1 % in every distance")
    if output.interactive:
        usual_mm = round(1e3 * board.square_m, 3)
        question = "how long is a square on paper, in mm? (Enter: as it should be)"
        board = board.with_square(1e-3 * ask(output, question, usual_mm, parse_mm))
    following = _after_printing(board, task)
    output.next(following)
    result = {"file": str(out), "board": str(board), "paper": paper, "next": following}
    output.result(result)
    return board


def _after_printing(board: Board, task: Path | None) -> str:
    """Return the command in which a board is used: of the task's first camera, if there is one."""
    from hilctl.task.workspace import Workspace

    try:
        workspace = Workspace.find(task)
    except TaskFileError:
        return f"hilctl calibrate intrinsics --board {board} --camera NAME"
    camera = next(iter(workspace.spec.cameras))
    return workspace.command(f"calibrate intrinsics --board {board} --camera {camera}")


def _require_suffix(file: Path, suffix: str) -> None:
    if file.suffix.lower() != suffix:
        raise UsageError(f"{file} would be a {suffix[1:].upper()}", hint=f"call it *{suffix}")


def parse_mm(text: str) -> float:
    """Return a length in mm.

    Raises:
        UsageError: it is none, or not the size of a square.
    """
    from hilctl.calibration.boards.naming import parse_length_m

    typed = "".join(text.lower().split()).replace(",", ".")
    try:
        return 1e3 * parse_length_m(typed if typed[-1:].isalpha() else f"{typed}mm")
    except UsageError as error:
        raise UsageError(
            f"'{text}' is no length of a square", hint="like 29.7 or 2.97cm"
        ) from error


def take(job: CameraJob, board: Board, count: int) -> Path:
    """Take pictures of the board, by the robot or by a person; return their folder."""
    from hilctl.cli.interrupt import interruptible
    from hilctl.cli.live import LiveProgress
    from hilctl.pipeline.calibrate.freehand import take_freehand
    from hilctl.pipeline.calibrate.pictures import take_pictures

    _explain(job, board)
    if not job.freehand:
        job.setup.confirm_motion()
    with (
        job.workspace.lock("calibrate"),
        interruptible() as stop,
        LiveProgress(job.output) as live,
    ):
        spec, files, seed, report = job.workspace.spec, job.files, job.setup.seed, live.report
        if job.freehand:
            carried = None if job.mount is None else job.required_mount()
            folder = take_freehand(
                spec, files, board, carried, count=count, seed=seed, report=report, stop=stop
            )
        else:
            mount = job.required_mount()
            folder = take_pictures(
                spec, files, board, mount, count=count, seed=seed, report=report, stop=stop
            )
    if stop() and (taken := len(list(folder.glob("*.png")))):
        job.output.say(f"{taken} pictures are in {folder}; to try them: --images {folder}")
        job.output.say(f"earlier ones in {job.files.pictures} are as they were")
    stop.leave_if_interrupted()
    job.output.say(f"pictures: {folder}")
    return folder


def _explain(job: CameraJob, board: Board) -> None:
    """Tell what is about to happen, and where the board has to be."""
    import numpy as np

    from hilctl.calibration.proposals import ROLL_RAD, TILT_RAD
    from hilctl.cli.prompts import ask
    from hilctl.robots.scene import has_scene

    camera = job.files.camera
    if job.freehand and job.mount is None:
        job.output.say(f"hold the board, {board}, before camera {camera}, as the words below say;")
        job.output.say("left and right are as the camera sees them; hold still for each picture")
        return
    where = {"tool": "on the table", "world": "in the hand"}[job.required_mount()]
    job.output.say(f"the board, {board}, has to be {where}, in view of camera {camera}")
    if has_scene(job.workspace.spec.robot.type):
        job.output.say("the simulator puts it there")
    elif job.output.interactive:
        ask(job.output, "Enter when it is", "there", str)
    if job.freehand:
        job.output.say("lead the arm by hand, as the words below say; hold still for each picture")
        return
    tilt_deg, roll_deg = np.degrees([TILT_RAD, ROLL_RAD])
    turns = f"tilts by up to {tilt_deg:.0f}° and turns by up to {roll_deg:.0f}°"
    job.output.say(f"around the reset pose the tool slowly {turns}")


def intrinsics(job: CameraJob, images: Path, board: Board) -> None:
    """Find the intrinsics of a camera from a folder of pictures."""
    from hilctl.cli.live import LiveProgress
    from hilctl.pipeline.calibrate.find_intrinsics import find_intrinsics
    from hilctl.pipeline.calibrate.pictures import POSES_FILE

    output, files = job.output, job.files
    with job.workspace.lock("calibrate"), LiveProgress(output) as live:
        record = find_intrinsics(files, images, board, seed=job.setup.seed, report=live.report)
    fx, fy, cx, cy = record.camera.parameters[:4]
    interval = [1.96 * sigma for sigma in record.sigma[:4]]
    output.say(
        f"f {fx:.1f} ± {interval[0]:.1f}, {fy:.1f} ± {interval[1]:.1f} px; "
        f"centre {cx:.1f} ± {interval[2]:.1f}, {cy:.1f} ± {interval[3]:.1f} px; {record.model}"
    )
    used, all_pictures = len(record.made.used), len(record.made.used) + len(record.made.left_out)
    output.say(
        f"corners of pictures it had not seen: {record.rms_px:.2f} px off; "
        f"{used} of {all_pictures} pictures, {100 * record.coverage:.0f} % of the picture covered"
    )
    _compare_with_factory(job, record)
    following = next_step(job.workspace.fresh())
    if job.mount is not None and (images / POSES_FILE).is_file():
        # the same pictures do for hand-eye
        again = f"--camera {files.camera} --mount {job.mount} --board {board} --images {images}"
        following = job.workspace.command(f"calibrate hand-eye {again}")
    _done(job, "intrinsics", {"intrinsics": record.model_dump(mode="json")}, following)


def _compare_with_factory(job: CameraJob, record: IntrinsicsRecord) -> None:
    """Tell how far intrinsics are from what the camera's maker says, where that is known."""
    known = job.files.record()
    if known is None or known.factory is None:
        return
    try:
        theirs_px = known.factory.camera.at_size(record.size_px).parameters[0]
    except DataError:
        return  # pictures of another shape, from elsewhere
    more = abs(record.camera.parameters[0] / theirs_px - 1)
    job.output.say(f"its maker says f {theirs_px:.1f} px: what was measured is {more:.1%} off")


def hand_eye(job: CameraJob, images: Path, poses: Path | None, board: Board) -> None:
    """Find where a camera sits from pictures and poses."""
    from hilctl.cli.live import LiveProgress
    from hilctl.pipeline.calibrate.find_hand_eye import find_hand_eye
    from hilctl.pipeline.calibrate.pictures import POSES_FILE

    output, mount, table = job.output, job.required_mount(), poses or images / POSES_FILE
    with job.workspace.lock("calibrate"), LiveProgress(output) as live:
        record = find_hand_eye(
            job.files, images, table, board, mount, seed=job.setup.seed, report=live.report
        )
    x, y, z = (1e3 * metres for metres in record.T_parent_cam[:3])
    parent = "tcp" if mount == "tool" else "base"
    output.say(
        f"camera in {parent}: x {x:.1f}, y {y:.1f}, z {z:.1f} mm ± {record.uncertainty} (95 %)"
    )
    output.say(f"{record.verdict}: {record.held_out} off at poses it had not seen")
    if record.outliers:
        output.say(f"left out, because they fit the others badly: {', '.join(record.outliers)}")
    result = {"hand_eye": record.model_dump(mode="json")}
    _done(job, "hand-eye", result, job.files.command("verify"))


def verify(job: CameraJob, out: Path | None) -> None:
    """Draw what is known into what a camera sees."""
    from hilctl.pipeline.calibrate.devices import open_devices
    from hilctl.pipeline.calibrate.verify import draw_what_is_known

    output, files, spec = job.output, job.files, job.workspace.spec
    out = out or files.page("verify").with_suffix(".png")
    _require_suffix(out, ".png")
    files.record_with_lens()
    job.setup.confirm_motion()
    with (
        job.workspace.lock("calibrate"),
        open_devices(spec, [files.camera], job.setup.seed, files.workspace.root) as (
            robot,
            cameras,
        ),
    ):
        draw_what_is_known(spec, files, robot, cameras[files.camera], out)
    output.say(
        f"{out}: the board's rim in white, the bounds in yellow, the tool's axes x, y, z in red, "
        "green and blue; the rim has to lie on the board, where it was when pictures were taken"
    )
    output.say(f"if it does not: {files.command('hand-eye')}")
    following = next_step(job.workspace)
    output.next(following)
    output.result({"camera": files.camera, "file": str(out), "next": following})


def _done(job: CameraJob, step: str, result: Mapping[str, object], following: str) -> None:
    files, page = job.files, job.files.page(step)
    job.output.say(f"kept in {files.record_file}; report: {page}")
    job.output.next(following)
    known = {"camera": files.camera, "file": str(files.record_file), "report": str(page)}
    job.output.result({**known, **result, "next": following})
