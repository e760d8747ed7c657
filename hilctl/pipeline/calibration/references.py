"""The step `drift`: a reference picture of each camera, and whether it still looks there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from hilctl.calibration.boards.base import Image
from hilctl.calibration.drift import Drift, measure_drift
from hilctl.calibration.hand_eye import Mount
from hilctl.calibration.record import CameraRecord, Reference
from hilctl.calibration.views import read_picture, write_picture
from hilctl.cameras.base import Camera
from hilctl.env.safety import reset_pose
from hilctl.errors import DataError, DeviceError
from hilctl.pipeline.calibration.camera_files import CameraFiles
from hilctl.pipeline.calibration.devices import go_to
from hilctl.pipeline.progress import Event, Report, silent
from hilctl.robots.base import Robot
from hilctl.task.spec import TaskSpec
from hilctl.task.workspace import Workspace

Array = NDArray[np.float64]

WARN_PX, STOP_PX = 1.0, 3.0
DARKER, BRIGHTER = 0.6, 1.67  # mean level over that of the reference
COLOUR = 0.04  # change of a channel's share of the light


@dataclass(frozen=True)
class Checked:
    """One camera compared with its reference.

    Attributes:
        camera: its name.
        drift: what has changed.
        distance_m: about how far the view has moved where the robot works; None when intrinsics
            or hand-eye are unknown.
    """

    camera: str
    drift: Drift
    distance_m: float | None

    @property
    def has_moved(self) -> bool:
        """Whether nothing may be recorded or learnt with it as it is."""
        moved_px = self.drift.distance_px
        if self.drift.plain:
            return False  # nobody can tell
        return moved_px is None or moved_px > STOP_PX

    @property
    def remarks(self) -> list[str]:
        """What is worth a warning."""
        remarks = []
        if not self.has_moved and (self.drift.distance_px or 0.0) > WARN_PX:
            remarks.append("it may have been touched")
        if self.drift.brightness < DARKER:
            remarks.append("it is darker than it was")
        if self.drift.brightness > BRIGHTER:
            remarks.append("it is brighter than it was")
        if self.drift.colour > COLOUR:
            remarks.append("its colours have changed")
        return remarks

    def __str__(self) -> str:
        """Return it in one short line."""
        moved_px = self.drift.distance_px
        if self.drift.plain:
            return f"{self.camera} sees too little structure to tell"
        if moved_px is None:
            return f"{self.camera} shows something else"
        mm = f" (about {1e3 * self.distance_m:.0f} mm)" if self.distance_m is not None else ""
        told = f"{self.camera} {moved_px:.1f} px{mm if moved_px > WARN_PX else ''}"
        return ", ".join([told, *self.remarks])


def check_cameras(
    workspace: Workspace, robot: Robot, cameras: Mapping[str, Camera], report: Report
) -> list[Checked]:
    """Compare every camera that has a reference with it, and say so in one line.

    The robot goes to the pose of the references first.

    Raises:
        DeviceError: a camera has moved, or delivers pictures of another size.
        DataError: a reference is damaged.
    """
    records = {name: CameraFiles(workspace, name).record() for name in cameras}
    known = {
        name: record
        for name, record in records.items()
        if record is not None and record.reference is not None
    }
    if not known:
        take_one = workspace.command("calibrate drift")
        text = f"cameras are not checked for having moved; {take_one} takes a reference"
        report(Event("cameras", text))
        return []
    go_to(robot, reset_pose(workspace.spec.reset))
    checked = [_check(workspace, known[name], cameras[name]) for name in known]
    if moved := [one for one in checked if one.has_moved]:
        raise DeviceError(
            "camera " + "; camera ".join(_complaint(one) for one in moved),
            hint="put it back as it was; or, to go on with new data, take a new reference: "
            + workspace.command("calibrate drift --accept"),
        )
    figures = {one.camera: one.drift.distance_px for one in checked}
    told = "; ".join(map(str, checked))
    report(Event("cameras", f"cameras against their references: {told}", figures=figures))
    return checked


def take_references(
    workspace: Workspace, robot: Robot, cameras: Mapping[str, Camera], report: Report = silent
) -> dict[str, CameraRecord]:
    """Photograph what every camera sees with the robot at its reset pose, and keep that.

    Args:
        workspace: the task folder.
        robot, cameras: open.
        report: told of cameras that see too little to notice that they have moved.

    Raises:
        HilctlError: the folder cannot be written.
    """
    go_to(robot, reset_pose(workspace.spec.reset))
    records = {}
    for name, camera in cameras.items():
        files = CameraFiles(workspace, name)
        frame, image = camera.latest(max_age_s=1.0).image, camera.still().image
        if measure_drift(image, image).plain:
            text = f"camera {name} sees too little structure: nobody will notice that it has moved"
            report(Event("cameras", text))
        pose = [float(number) for number in robot.state().tcp_pose]
        size_px = (frame.shape[1], frame.shape[0])
        # the record first: it makes the folder
        files.update(size_px)
        content = write_picture(files.reference_file, image)
        reference = Reference(
            picture=files.reference_file.name,
            sha256=hashlib.sha256(content).hexdigest(),
            tcp_pose=pose,
        )
        records[name] = files.update(size_px, reference=reference)
    return records


def _check(workspace: Workspace, record: CameraRecord, camera: Camera) -> Checked:
    reference = _reference_picture(workspace, record)
    picture = camera.still().image
    if picture.shape != reference.shape:
        now, then = (f"{image.shape[1]}×{image.shape[0]}" for image in (picture, reference))
        raise DeviceError(
            f"camera {record.camera} delivers {now} px, its reference has {then}",
            hint="set its resolution as it was, or: hilctl calibrate drift --accept",
        )
    drift = measure_drift(reference, picture)
    return Checked(record.camera, drift, _moved_m(workspace.spec, record, drift))


def _moved_m(spec: TaskSpec, record: CameraRecord, drift: Drift) -> float | None:
    """Return about how far the view has moved where the robot works."""
    if drift.distance_px is None or record.intrinsics is None or record.hand_eye is None:
        return None
    T_parent_cam = record.hand_eye.transform
    home = reset_pose(spec.reset)
    T_base_tcp = RigidTransform.from_components(home[:3], Rotation.from_quat(home[3:]))
    on_tool = record.hand_eye.mount is Mount.TOOL
    eye = (T_base_tcp * T_parent_cam if on_tool else T_parent_cam).translation
    bounds = spec.control.bounds
    middle = np.mean([bounds.low[:3], bounds.high[:3]], axis=0)
    focal_px = float(record.intrinsics.camera.parameters[0])
    return drift.distance_px / focal_px * float(np.linalg.norm(middle - eye))


def _complaint(one: Checked) -> str:
    moved_px = one.drift.distance_px
    if moved_px is None:
        return f"{one.camera} shows something else than its reference: is it covered or turned?"
    mm = f", about {1e3 * one.distance_m:.0f} mm" if one.distance_m is not None else ""
    return f"{one.camera} has moved: its picture by {moved_px:.1f} px{mm}"


def _reference_picture(workspace: Workspace, record: CameraRecord) -> Image:
    assert record.reference is not None
    file = workspace.calibration / record.reference.picture
    image = read_picture(file) if file.is_file() else None
    if image is None:
        raise DataError(
            f"the reference picture of camera {record.camera} is missing or damaged",
            where=str(file),
            hint=workspace.command("calibrate drift --accept"),
        )
    return image
