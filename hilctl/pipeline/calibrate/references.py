"""The step `drift`: a picture of each camera that later ones are compared with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from hilctl.calibration.boards.base import Image
from hilctl.calibration.drift import measure_drift
from hilctl.calibration.record import CameraRecord, Reference
from hilctl.calibration.views import read_picture, write_picture
from hilctl.cameras.base import Camera
from hilctl.errors import DataError
from hilctl.pipeline.calibrate.camera_files import CameraFiles
from hilctl.pipeline.calibrate.devices import go_home
from hilctl.pipeline.calibrate.exposure import hold_exposure, trouble_with
from hilctl.pipeline.calibrate.identity import is_another, meet
from hilctl.pipeline.events import Report, silent
from hilctl.robots.base import Robot
from hilctl.task.workspace import Workspace

WARN_PX, STOP_PX = 1.0, 3.0


def take_references(
    workspace: Workspace,
    robot: Robot,
    cameras: Mapping[str, Camera],
    report: Report = silent,
    *,
    renew: bool = False,
) -> dict[str, CameraRecord]:
    """Photograph what every camera sees with the robot at its reset pose, and keep that.

    Args:
        workspace: the task folder.
        robot, cameras: open.
        report: told what is not as it should be, and what is not known any more.
        renew: what is there now counts, also where it is another device or has moved; else that
            is refused.

    Raises:
        DeviceError: a camera is another device than what is known is about.
        HilctlError: the folder cannot be written.
    """
    known = {name: _met(workspace, name, cameras[name], report, renew=renew) for name in cameras}
    for name, camera in cameras.items():
        for trouble in hold_exposure(known[name], camera):
            report(trouble_with(name, trouble))
    go_home(robot, workspace.spec.only_arm)
    return {
        name: _keep(workspace, known[name], camera.still().image, robot, report)
        for name, camera in cameras.items()
    }


def _met(
    workspace: Workspace, name: str, camera: Camera, report: Report, *, renew: bool
) -> CameraRecord:
    before = CameraFiles(workspace, name).record()
    known = meet(workspace, name, camera, renew=renew)
    if before is not None and is_another(workspace, before, camera):
        report(trouble_with(name, "it is another one: what was known of the one before is gone"))
    return known


def _keep(
    workspace: Workspace, known: CameraRecord, image: Image, robot: Robot, report: Report
) -> CameraRecord:
    """Keep a picture as the reference; a place that the camera has left is forgotten."""
    files = CameraFiles(workspace, known.camera)
    if measure_drift(image, image).plain:
        told = "it sees too little structure: nobody will notice that it has moved"
        report(trouble_with(known.camera, told))
    parts: dict[str, Any] = {}
    if known.hand_eye is not None and _has_left(workspace, known, image):
        told = f"it has moved: where it sits has to be found again: {files.command('hand-eye')}"
        report(trouble_with(known.camera, told))
        parts["hand_eye"] = None
    content = write_picture(files.reference_file, image)
    reference = Reference(
        picture=files.reference_file.name,
        sha256=hashlib.sha256(content).hexdigest(),
        tcp_pose=[float(number) for number in robot.state().tcp_pose],
    )
    return files.update(known.size_px, reference=reference, **parts)


def _has_left(workspace: Workspace, known: CameraRecord, image: Image) -> bool:
    """Return whether a camera no longer looks where it did when its last reference was taken."""
    if known.reference is None:
        return False
    try:
        before = reference_picture(workspace, known)
    except DataError:
        return False  # nobody can tell
    if before.shape != image.shape:
        return False
    drift = measure_drift(before, image)
    return not drift.plain and (drift.distance_px is None or drift.distance_px > STOP_PX)


def reference_picture(workspace: Workspace, record: CameraRecord) -> Image:
    """Return the picture that a camera's later ones are compared with.

    Raises:
        DataError: it is missing, damaged, or not the one the record speaks of.
    """
    assert record.reference is not None
    file = workspace.calibration / record.reference.picture
    content = file.read_bytes() if file.is_file() else b""
    as_it_was = hashlib.sha256(content).hexdigest() == record.reference.sha256
    image = read_picture(file) if as_it_was else None
    if image is None:
        raise DataError(
            f"the reference picture of camera {record.camera} is missing or damaged",
            where=str(file),
            hint=workspace.command("calibrate drift --accept"),
        )
    return image
