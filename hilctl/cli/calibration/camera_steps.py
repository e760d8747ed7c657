"""Steps that need no board: exposure, crop, reference pictures, exports."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from hilctl.cli.calibration.overview import next_step
from hilctl.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hilctl.calibration.boards.base import Image
    from hilctl.cli.calibration.job import CalibrationSetup, CameraJob
    from hilctl.pipeline.calibrate.crops import KeptCrop, Motion
    from hilctl.task.sections import Box
    from hilctl.task.workspace import Workspace

LOOK_MAX_AGE_S = 1.0


def exposure(setup: CalibrationSetup, names: Sequence[str]) -> None:
    """Let cameras settle, then hold their exposure."""
    from hilctl.cli.live import LiveProgress
    from hilctl.pipeline.calibrate.devices import open_devices
    from hilctl.pipeline.calibrate.exposure import lock_exposure

    output, workspace = setup.output, setup.workspace
    output.say("the robot goes to its reset pose; make the light as it will be, and step aside")
    setup.confirm_motion()
    with (
        workspace.lock("calibrate"),
        open_devices(workspace.spec, names, setup.seed, workspace.root) as (robot, cameras),
        LiveProgress(output) as live,
    ):
        records = lock_exposure(workspace, robot, cameras, live.report)
    following = next_step(workspace)
    output.next(following)
    found = {name: record.model_dump(mode="json") for name, record in records.items()}
    output.result({"exposure": found, "next": following})


def crop(job: CameraJob, text: str | None) -> None:
    """Choose what the policy sees of a camera.

    Args:
        job: in the task folder as `uncropped` returns it.
        text: what was said; None = it is picked before a picture.
    """
    from hilctl.pipeline.calibrate import crops

    output, files, workspace = job.output, job.files, job.workspace
    crops.require_choice(workspace, files.camera)
    if text is None and not output.interactive:
        raise UsageError("nobody is here to choose", hint="say it: --roi x,y,w,h in px, or full")
    with workspace.lock("calibrate"):
        chosen = _choose(job, text)
    if chosen is None:
        output.say("nothing was changed")
    else:
        for remark in chosen.remarks:
            output.say(f"mind: {remark}")
        picture = crops.picture_file(files)
        output.say(f"the policy sees of camera {files.camera}: {chosen}; picture: {picture}")
    following = _after_a_crop(workspace)
    output.next(following)
    result = asdict(chosen) if chosen is not None else {}
    shown = {"picture": str(crops.picture_file(files))} if chosen is not None else {}
    output.result({"camera": files.camera, **result, **shown, "next": following})


def _choose(job: CameraJob, text: str | None) -> KeptCrop | None:
    """Return what was said or picked, and kept; None = the person left without."""
    from hilctl.calibration.roi import parse_box
    from hilctl.cli.live import LiveProgress
    from hilctl.pipeline.calibrate.crops import keep_crop, motion_in_demos
    from hilctl.pipeline.calibrate.devices import open_camera
    from hilctl.pipeline.calibrate.exposure import greet
    from hilctl.pipeline.calibrate.identity import refuse_others

    files, spec, report = job.files, job.workspace.spec, LiveProgress(job.output).report
    with open_camera(
        spec, files.camera, job.setup.seed, report, needs_robot=False, folder=files.workspace.root
    ) as devices:
        refuse_others(job.workspace, {files.camera: devices.camera})

        def look() -> Image:
            return devices.camera.latest(max_age_s=LOOK_MAX_AGE_S).image

        image = look()
        size_px = (image.shape[1], image.shape[0])
        motion = motion_in_demos(files, job.workspace.demos, size_px)
        box = parse_box(text, size_px) if text is not None else _pick(job, look, motion)
        if box is None:
            return None
        chosen = keep_crop(files, look(), box, motion)
        greet(files, devices.camera, report)
        return chosen


def _pick(job: CameraJob, look: Callable[[], Image], motion: Motion | None) -> Box | None:
    """Let the person pick a crop before live pictures; None = they left without."""
    from hilctl.calibration.roi import parse_box
    from hilctl.cli.calibration.roi_choice import CropSubject
    from hilctl.cli.calibration.roi_picker import pick
    from hilctl.cli.interrupt import interruptible

    image, known = look(), job.files.record()
    start = parse_box("full", (image.shape[1], image.shape[0]))
    if known is not None and known.crop is not None:
        start = known.crop
    subject = CropSubject(job.files.camera, image, start, job.files.spec.size, motion, look)
    with interruptible() as stop:
        box = pick(job.output, subject, stop)
    stop.leave_if_interrupted()
    return box


def _after_a_crop(workspace: Workspace) -> str:
    """Return the command for another camera whose crop no longer fits, else for what is missing."""
    from hilctl.task.measured import cameras_to_crop_anew

    if others := cameras_to_crop_anew(workspace.spec, workspace.calibration):
        return workspace.command(f"calibrate roi --camera {others[0]}")
    return next_step(workspace.fresh())


def drift(setup: CalibrationSetup, names: Sequence[str], *, accept: bool) -> None:
    """Compare cameras with their references, or take new ones."""
    from hilctl.cli.live import LiveProgress
    from hilctl.pipeline.calibrate.camera_files import CameraFiles
    from hilctl.pipeline.calibrate.check import check_cameras
    from hilctl.pipeline.calibrate.devices import open_devices
    from hilctl.pipeline.calibrate.references import take_references

    output, workspace = setup.output, setup.workspace
    every = [CameraFiles(workspace, name) for name in names]
    known = {files.camera for files in every if (record := files.record()) and record.reference}
    new = [files for files in every if accept or files.camera not in known]
    setup.confirm_motion()
    with (
        workspace.lock("calibrate"),
        open_devices(workspace.spec, names, setup.seed, workspace.root) as (robot, cameras),
        LiveProgress(output) as live,
    ):
        fresh = {files.camera: cameras.pop(files.camera) for files in new}
        checked = check_cameras(workspace, robot, cameras, live.report) if cameras else []
        if fresh:
            take_references(workspace, robot, fresh, live.report, renew=accept)
    if fresh:
        output.say(f"what is seen now is the reference of {' and '.join(fresh)}")
    older = _mark_older(setup)
    following = next_step(workspace)
    output.next(following)
    output.result(
        {
            "references": {files.camera: str(files.reference_file) for files in new},
            "shift_px": {one.camera: one.moved_px for one in checked},
            "older_episodes": older,
            "next": following,
        }
    )


def _mark_older(setup: CalibrationSetup) -> dict[str, int]:
    """Tell which episodes are from before a camera got its reference."""
    from hilctl.data.dataset import Dataset
    from hilctl.pipeline.calibrate.identity import from_before

    workspace = setup.workspace
    folders = (workspace.demos, workspace.labels)
    headers = [header for folder in folders for header in Dataset.of_readable(folder).headers]
    older = from_before(workspace, headers)
    for name, count in older.items():
        setup.output.say(
            f"{count} recorded episodes show camera {name} as it was before; `status` marks them, "
            "and they are still learnt from: record anew where the shift matters"
        )
    return older


def export(job: CameraJob) -> None:
    """Write a camera's lens for other programs."""
    from hilctl.calibration import exports
    from hilctl.task.files import write_text_atomic

    files, output = job.files, job.output
    record, lens = files.record_with_lens()
    camera = lens.at_size(record.size_px)
    written: dict[str, str | None] = {}
    for form, write in (("camera_info", exports.camera_info), ("camchain", exports.camchain)):
        file = files.folder / f"{files.camera}-{form}.yaml"
        written[form] = None
        try:
            content = write(files.camera, camera)
        except DataError as error:
            output.say(f"no {form}: {error.message}")
            continue
        with job.workspace.lock("calibrate"):
            write_text_atomic(file, content)
        written[form] = str(file)
        output.say(f"{file}: for {'ROS' if form == 'camera_info' else 'Kalibr'}")
    following = next_step(job.workspace)
    output.next(following)
    output.result({"camera": files.camera, "files": written, "next": following})
