"""The step `drift`: a picture of each camera that later ones are compared with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from hilctl.calibration.boards.base import Image
from hilctl.calibration.drift import measure_drift
from hilctl.calibration.record import CameraRecord, Reference
from hilctl.calibration.views import read_picture, write_picture
from hilctl.cameras.base import Camera
from hilctl.env.safety import reset_pose
from hilctl.errors import DataError
from hilctl.pipeline.calibration.camera_files import CameraFiles
from hilctl.pipeline.calibration.devices import go_to
from hilctl.pipeline.calibration.exposure import hold_exposure
from hilctl.pipeline.calibration.identity import meet
from hilctl.pipeline.progress import Event, Report, silent
from hilctl.robots.base import Robot
from hilctl.task.workspace import Workspace


def take_references(
    workspace: Workspace, robot: Robot, cameras: Mapping[str, Camera], report: Report = silent
) -> dict[str, CameraRecord]:
    """Photograph what every camera sees with the robot at its reset pose, and keep that.

    Args:
        workspace: the task folder.
        robot, cameras: open.
        report: told of cameras that are new, or see too little to notice that they have moved.

    Raises:
        DeviceError: a camera is the one that was calibrated under another name.
        HilctlError: the folder cannot be written.
    """
    go_to(robot, reset_pose(workspace.spec.reset))
    records = {}
    for name, camera in cameras.items():
        files = CameraFiles(workspace, name)
        if meet(workspace, name, camera):
            text = f"camera {name} is another one: what was known of the one before is forgotten"
            report(Event("cameras", text))
        known = files.record()
        assert known is not None
        hold_exposure(known, camera)
        image = camera.still().image
        if measure_drift(image, image).plain:
            text = f"camera {name} sees too little structure: nobody will notice that it has moved"
            report(Event("cameras", text))
        content = write_picture(files.reference_file, image)
        reference = Reference(
            picture=files.reference_file.name,
            sha256=hashlib.sha256(content).hexdigest(),
            tcp_pose=[float(number) for number in robot.state().tcp_pose],
        )
        records[name] = files.update(known.size_px, reference=reference)
    return records


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
