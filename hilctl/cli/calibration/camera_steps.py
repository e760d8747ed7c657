"""Steps that need no board: exposure, crop, reference pictures, exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hilctl.cli.calibration.overview import next_step
from hilctl.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hilctl.calibration.roi import Box, Image
    from hilctl.cli.calibration.job import Job, Station
    from hilctl.pipeline.calibration.crops import Motion

LOOK_MAX_AGE_S = 1.0


def exposure(station: Station, names: Sequence[str]) -> None:
    """Let cameras settle, then hold their exposure."""
    from hilctl.cli.live import LiveProgress
    from hilctl.pipeline.calibration.devices import open_devices
    from hilctl.pipeline.calibration.exposure import lock_exposure

    output, workspace = station.output, station.workspace
    output.say("the robot goes to its reset pose; make the light as it will be, and step aside")
    station.confirm_motion()
    with (
        workspace.lock("calibrate"),
        open_devices(workspace.spec, names, station.seed) as (robot, cameras),
        LiveProgress(output) as live,
    ):
        records = lock_exposure(workspace, robot, cameras, live.report)
    following = next_step(workspace)
    output.next(following)
    found = {name: record.model_dump(mode="json") for name, record in records.items()}
    output.result({"exposure": found, "next": following})


def crop(job: Job, text: str | None) -> None:
    """Choose what the policy sees of a camera.

    Args:
        job: in the task folder as `uncropped` returns it.
        text: what was said; None = it is picked before a picture.
    """
    from hilctl.pipeline.calibration import crops

    output, files = job.output, job.files
    crops.require_choice(job.workspace, files.camera)
    if text is None and not output.interactive:
        raise UsageError("nobody is here to choose", hint="say it: --roi x,y,w,h in px, or full")
    with job.workspace.lock("calibrate"):
        image, chosen, motion = _choose(job, text)
        if chosen is None:
            output.say("nothing was changed")
            return
        record = crops.keep_crop(files, image, chosen, motion)
    for remark in crops.remarks(files, chosen, motion):
        output.say(f"mind: {remark}")
    seen = "all of it" if record.crop is None else ",".join(map(str, record.crop))
    picture = crops.picture_file(files)
    output.say(f"the policy sees of camera {files.camera}: {seen}; picture: {picture}")
    if others := crops.recorded_otherwise(job.workspace, files.camera, record.crop):
        output.say(
            f"mind: {others} episodes were recorded with another crop and no longer fit: "
            "record them anew, or choose that crop again"
        )
    following = next_step(job.workspace.fresh())
    output.next(following)
    result = {"camera": files.camera, "crop": record.crop, "episodes_that_no_longer_fit": others}
    output.result({**result, "picture": str(picture), "next": following})


def _choose(job: Job, text: str | None) -> tuple[Image, Box | None, Motion | None]:
    """Return a raw frame, the crop that was said or picked (None = neither), and what moves."""
    from hilctl.calibration.roi import parse_box
    from hilctl.cli.live import LiveProgress
    from hilctl.pipeline.calibration.crops import motion_in_demos
    from hilctl.pipeline.calibration.devices import open_camera
    from hilctl.pipeline.calibration.exposure import greet

    files, spec, report = job.files, job.workspace.spec, LiveProgress(job.output).report
    with open_camera(spec, files.camera, job.station.seed, report, needs_robot=False) as devices:
        greet(files, devices.camera)

        def look() -> Image:
            return devices.camera.latest(max_age_s=LOOK_MAX_AGE_S).image

        image = look()
        size_px = (image.shape[1], image.shape[0])
        motion = motion_in_demos(files, job.workspace.demos, size_px)
        if text is not None:
            return image, parse_box(text, size_px), motion
        from hilctl.cli.calibration.roi_choice import Subject, pick
        from hilctl.cli.interrupt import interruptible

        known = files.record()
        start = known.crop if known and known.crop else parse_box("full", size_px)
        subject = Subject(files.camera, image, start, files.spec.size, motion, look)
        with interruptible() as stop:
            return image, pick(job.output, subject, stop), motion


def drift(station: Station, names: Sequence[str], *, accept: bool) -> None:
    """Compare cameras with their references, or take new ones."""
    from hilctl.cli.live import LiveProgress
    from hilctl.pipeline.calibration.camera_files import CameraFiles
    from hilctl.pipeline.calibration.check import check_cameras
    from hilctl.pipeline.calibration.devices import open_devices
    from hilctl.pipeline.calibration.references import take_references

    output, workspace = station.output, station.workspace
    every = [CameraFiles(workspace, name) for name in names]
    known = {files.camera for files in every if (record := files.record()) and record.reference}
    new = [files for files in every if accept or files.camera not in known]
    station.confirm_motion()
    with (
        workspace.lock("calibrate"),
        open_devices(workspace.spec, names, station.seed) as (robot, cameras),
        LiveProgress(output) as live,
    ):
        fresh = {files.camera: cameras.pop(files.camera) for files in new}
        checked = check_cameras(workspace, robot, cameras, live.report) if cameras else []
        if fresh:
            take_references(workspace, robot, fresh, live.report)
    if fresh:
        output.say(f"this is how {' and '.join(fresh)} look from now on")
    older = _mark_older(station)
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


def _mark_older(station: Station) -> dict[str, int]:
    """Tell which episodes are from before a camera got its reference."""
    from hilctl.data.dataset import Dataset
    from hilctl.pipeline.calibration.identity import from_before

    workspace = station.workspace
    headers = [
        header
        for folder in (workspace.demos, workspace.labels)
        for header in Dataset.open(folder, expect_fingerprint=None).headers
    ]
    older = from_before(workspace, headers)
    for name, count in older.items():
        station.output.say(
            f"{count} recorded episodes show camera {name} as it was before; `status` marks them, "
            "and they are still learnt from: record anew where the shift matters"
        )
    return older


def export(job: Job) -> None:
    """Write a camera's intrinsics for other programs."""
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
            write_text_atomic(file, write(files.camera, camera))
        except DataError as error:
            output.say(f"no {form}: {error.message}")
            continue
        written[form] = str(file)
        output.say(f"{file}: for {'ROS' if form == 'camera_info' else 'Kalibr'}")
    following = next_step(job.workspace)
    output.next(following)
    output.result({"camera": files.camera, "files": written, "next": following})
