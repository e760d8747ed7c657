"""The steps of `hilctl calibrate`, each with its words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hilctl.cli.render import Output
from hilctl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hilctl.calibration.boards import Board
    from hilctl.calibration.hand_eye import Mount
    from hilctl.pipeline.calibration.camera_files import CameraFiles
    from hilctl.task.workspace import Workspace


@dataclass(frozen=True)
class Job:
    """One camera to calibrate.

    Attributes:
        output: where words go.
        workspace: the task folder.
        files: of the camera.
        mount: "tool" or "world"; None = it was not said.
        seed: of simulated devices and of what is held out.
        allow_motion: what `--allow-motion` was.
    """

    output: Output
    workspace: Workspace
    files: CameraFiles
    mount: str | None
    seed: int
    allow_motion: bool

    def required_mount(self) -> Mount:
        """Return what carries the camera.

        Raises:
            UsageError: it was not said.
        """
        from hilctl.calibration.hand_eye import Mount

        if self.mount is None:
            raise UsageError(
                "where the camera is has to be said",
                hint="--mount tool for a camera on the arm, --mount world for a fixed one",
            )
        return Mount(self.mount)


def sheet(output: Output, board: Board, out: Path) -> None:
    """Write a board to print."""
    from hilctl.calibration.boards.sheet import write_sheet

    paper = write_sheet(out, board)
    output.say(f"{out}: {board} on {paper}")
    output.say("print it at 100 %, glue it to something flat, then measure a square:")
    output.next(f"hilctl calibrate intrinsics --board {board}")
    output.result({"file": str(out), "board": str(board), "paper": paper})


def overview(output: Output, workspace: Workspace) -> None:
    """Show what is known of each camera."""
    from hilctl.pipeline.calibration.camera_files import CameraFiles

    rows, cameras = [], {}
    for name in workspace.spec.cameras:
        record = CameraFiles(workspace, name).record()
        intrinsics = record.intrinsics if record else None
        hand_eye = record.hand_eye if record else None
        lens = f"{intrinsics.model}, {intrinsics.rms_px:.2f} px" if intrinsics else "unknown"
        place = f"{hand_eye.verdict}, {hand_eye.held_out}" if hand_eye else "unknown"
        rows.append((name, lens, place))
        cameras[name] = {"intrinsics": intrinsics is not None, "hand_eye": hand_eye is not None}
    output.table(("camera", "intrinsics", "hand-eye"), rows)
    step = _next_step(workspace)
    output.next(step)
    output.result({"cameras": cameras, "next": step})


def _next_step(workspace: Workspace) -> str:
    """Return the command for what is not known of the first camera that lacks something."""
    from hilctl.pipeline.calibration.camera_files import CameraFiles

    for name in workspace.spec.cameras:
        record = CameraFiles(workspace, name).record()
        if record is None or record.intrinsics is None:
            return workspace.command(f"calibrate intrinsics --camera {name}")
        if record.hand_eye is None:
            return workspace.command(f"calibrate hand-eye --camera {name}")
    return workspace.command("status")


def take(job: Job, board: Board, count: int) -> Path:
    """Let the robot photograph the board; return the folder of the pictures."""
    import numpy as np

    from hilctl.calibration.hand_eye import Mount
    from hilctl.calibration.proposals import ROLL_RAD, TILT_RAD
    from hilctl.cli.interrupt import interruptible
    from hilctl.cli.live import LiveProgress
    from hilctl.cli.prompts import confirm_motion
    from hilctl.pipeline.calibration.pictures import take_pictures

    mount, spec, camera = job.required_mount(), job.workspace.spec, job.files.camera
    where = "on the table" if mount is Mount.TOOL else "in the hand"
    job.output.say(f"the board, {board}, has to be {where}, in view of camera {camera}")
    tilt_deg, roll_deg = np.degrees([TILT_RAD, ROLL_RAD])
    turns = f"tilts by up to {tilt_deg:.0f}° and turns by up to {roll_deg:.0f}°"
    job.output.say(f"around the reset pose the tool slowly {turns}")
    confirm_motion(job.output, spec, allowed=job.allow_motion)
    with (
        job.workspace.lock("calibrate"),
        interruptible() as stop,
        LiveProgress(job.output) as live,
    ):
        folder = take_pictures(
            spec, job.files, board, mount, count=count, seed=job.seed, report=live.report, stop=stop
        )
    stop.leave_if_interrupted()
    job.output.say(f"pictures: {folder}")
    return folder


def intrinsics(job: Job, images: Path, board: Board) -> None:
    """Find the intrinsics of a camera from a folder of pictures."""
    from hilctl.cli.live import LiveProgress
    from hilctl.pipeline.calibration.find_intrinsics import find_intrinsics
    from hilctl.pipeline.calibration.pictures import POSES_FILE

    output, files = job.output, job.files
    with job.workspace.lock("calibrate"), LiveProgress(output) as live:
        record = find_intrinsics(files, images, board, seed=job.seed, report=live.report)
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
    following = _next_step(job.workspace)
    if job.mount is not None and (images / POSES_FILE).is_file():
        # the same pictures do for hand-eye
        again = f"--camera {files.camera} --mount {job.mount} --board {board} --images {images}"
        following = job.workspace.command(f"calibrate hand-eye {again}")
    result = {"intrinsics": record.model_dump(mode="json")}
    _done(job, "intrinsics", result, following)


def hand_eye(job: Job, images: Path, poses: Path | None, board: Board) -> None:
    """Find where a camera sits from pictures and poses."""
    from hilctl.cli.live import LiveProgress
    from hilctl.pipeline.calibration.find_hand_eye import find_hand_eye
    from hilctl.pipeline.calibration.pictures import POSES_FILE

    output, mount, table = job.output, job.required_mount(), poses or images / POSES_FILE
    with job.workspace.lock("calibrate"), LiveProgress(output) as live:
        record = find_hand_eye(
            job.files, images, table, board, mount, seed=job.seed, report=live.report
        )
    x, y, z = (1e3 * metres for metres in record.T_parent_cam[:3])
    parent = "tcp" if mount == "tool" else "base"
    output.say(
        f"camera in {parent}: x {x:.1f}, y {y:.1f}, z {z:.1f} mm ± {record.uncertainty} (95 %)"
    )
    output.say(f"{record.verdict}: {record.held_out} off at poses it had not seen")
    result = {"hand_eye": record.model_dump(mode="json")}
    _done(job, "hand-eye", result, _next_step(job.workspace))


def verify(job: Job, out: Path | None) -> None:
    """Draw what is known into what a camera sees."""
    from hilctl.cli.prompts import confirm_motion
    from hilctl.pipeline.calibration.devices import open_devices
    from hilctl.pipeline.calibration.verify import draw_what_is_known

    output, files, spec = job.output, job.files, job.workspace.spec
    out = out or files.page("verify").with_suffix(".png")
    confirm_motion(output, spec, allowed=job.allow_motion)
    with (
        job.workspace.lock("calibrate"),
        open_devices(spec, [files.camera], job.seed) as (robot, cameras),
    ):
        draw_what_is_known(spec, files, robot, cameras[files.camera], out)
    output.say(f"{out}: the tool's axes, the bounds in yellow, the board in white; do they fit?")
    step = job.workspace.command("calibrate drift")
    output.next(step)
    output.result({"camera": files.camera, "file": str(out), "next": step})


def drift(
    output: Output,
    workspace: Workspace,
    camera: str | None,
    seed: int,
    *,
    accept: bool,
    allow_motion: bool,
) -> None:
    """Compare cameras with their references, or take new ones."""
    from hilctl.cli.live import LiveProgress
    from hilctl.cli.prompts import confirm_motion
    from hilctl.pipeline.calibration.camera_files import CameraFiles
    from hilctl.pipeline.calibration.devices import open_devices
    from hilctl.pipeline.calibration.references import check_cameras, take_references

    asked_for = [camera] if camera else list(workspace.spec.cameras)
    every = [CameraFiles(workspace, name) for name in asked_for]
    known = {files.camera for files in every if (record := files.record()) and record.reference}
    new = [files for files in every if accept or files.camera not in known]
    confirm_motion(output, workspace.spec, allowed=allow_motion)
    with (
        workspace.lock("calibrate"),
        open_devices(workspace.spec, asked_for, seed) as (robot, cameras),
        LiveProgress(output) as live,
    ):
        fresh = {files.camera: cameras.pop(files.camera) for files in new}
        checked = check_cameras(workspace, robot, cameras, live.report) if cameras else []
        if fresh:
            take_references(workspace, robot, fresh, live.report)
    if fresh:
        output.say(f"this is how {' and '.join(fresh)} look from now on")
    step = workspace.command("status")
    output.next(step)
    output.result(
        {
            "references": {files.camera: str(files.reference_file) for files in new},
            "shift_px": {one.camera: one.drift.distance_px for one in checked},
            "next": step,
        }
    )


def _done(job: Job, step: str, result: Mapping[str, object], following: str) -> None:
    files, page = job.files, job.files.page(step)
    job.output.say(f"kept in {files.record_file}; report: {page}")
    job.output.next(following)
    known = {"camera": files.camera, "file": str(files.record_file), "report": str(page)}
    job.output.result({**known, **result, "next": following})
