"""What every recording, training and evaluation begins with: are the cameras as they were?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from hilctl.calibration.boards.base import Image
from hilctl.calibration.drift import Drift, measure_drift
from hilctl.calibration.exposure import measure_light, remarks_on
from hilctl.calibration.hand_eye import Mount
from hilctl.calibration.record import CameraRecord
from hilctl.calibration.roi import FILLS
from hilctl.cameras.base import STILL_MAX_AGE_S, Camera
from hilctl.env.safety import reset_pose
from hilctl.errors import DeviceError
from hilctl.networks.letterbox import filled_share
from hilctl.pipeline.calibrate.devices import go_home
from hilctl.pipeline.calibrate.exposure import hold_exposure
from hilctl.pipeline.calibrate.identity import all_records, refuse_other_size, refuse_others
from hilctl.pipeline.calibrate.references import STOP_PX, WARN_PX, reference_picture
from hilctl.pipeline.events import Event, Report
from hilctl.robots.base import Robot
from hilctl.task.plugins import frame_size_px
from hilctl.task.sections import CameraSpec
from hilctl.task.spec import TaskSpec
from hilctl.task.workspace import Workspace

COLOUR = 0.04  # change of a channel's share of the light


@dataclass(frozen=True)
class CameraCheck:
    """One camera compared with what is known of it.

    Attributes:
        camera: its name.
        drift: what has changed since its reference; None without one.
        distance_m: about how far the view has moved where the robot works; None when intrinsics
            or hand-eye are unknown.
        applied: what calibration does to its pictures, in words.
        light: remarks on exposure and light.
    """

    camera: str
    drift: Drift | None
    distance_m: float | None
    applied: tuple[str, ...]
    light: tuple[str, ...]

    @property
    def moved_px(self) -> float | None:
        """How far its picture has moved; None when that is not known."""
        return None if self.drift is None else self.drift.distance_px

    @property
    def has_moved(self) -> bool:
        """Whether nothing may be recorded or learnt with it as it is."""
        if self.drift is None or self.drift.plain:
            return False  # nobody can tell
        return self.moved_px is None or self.moved_px > STOP_PX

    @property
    def remarks(self) -> list[str]:
        """What is worth a warning."""
        remarks = list(self.light)
        if not self.has_moved and (self.moved_px or 0.0) > WARN_PX:
            remarks.insert(0, "it may have been touched")
        if self.drift is not None and self.drift.colour > COLOUR:
            remarks.append("its colours have changed")
        return remarks

    def __str__(self) -> str:
        """Return it in one short line."""
        return ", ".join([self._place(), *self.applied, *self.remarks])

    def _place(self) -> str:
        if self.drift is None:
            return f"{self.camera} without a reference"
        if self.drift.plain:
            return f"{self.camera} sees too little structure to tell"
        if self.moved_px is None:
            return f"{self.camera} shows something else"
        mm = f" (about {1e3 * self.distance_m:.0f} mm)" if self.distance_m is not None else ""
        return f"{self.camera} {self.moved_px:.1f} px{mm if self.moved_px > WARN_PX else ''}"


def check_cameras(
    workspace: Workspace, robot: Robot | None, cameras: Mapping[str, Camera], report: Report
) -> list[CameraCheck]:
    """Give cameras their locked exposure, compare them with what is known, and say so in one line.

    The robot goes to the pose of the references first.

    Raises:
        DeviceError: a camera has moved, is another one, or delivers pictures of another size.
        DataError: a reference is damaged.
    """
    if robot is None:  # what an environment shows cannot be touched
        return []
    checked = compare_cameras(workspace, robot, cameras)
    if not checked:
        report(Event("cameras", _not_checked(workspace, cameras)))
        return []
    if moved := complaints(checked):
        raise DeviceError(
            moved,
            hint="put it back as it was; or, to go on with new data, take a new reference: "
            + workspace.command("calibrate drift --accept"),
        )
    figures = {one.camera: one.moved_px for one in checked}
    told = "; ".join(map(str, checked))
    report(Event("cameras", f"cameras against their references: {told}", figures=figures))
    return checked


def compare_cameras(
    workspace: Workspace, robot: Robot, cameras: Mapping[str, Camera]
) -> list[CameraCheck]:
    """Give cameras their locked exposure and compare them with what is known, if anything is.

    The robot goes to the pose of the references first.

    Raises:
        DeviceError: a camera is another one, or delivers pictures of another size.
        DataError: a reference is damaged.
    """
    if len(workspace.spec.each_arm) > 1:
        return []  # nothing is known of them: calibration is of one arm
    refuse_others(workspace, cameras)
    known = {name: one for name, one in all_records(workspace).items() if name in cameras}
    if not any(record.reference or record.exposure for record in known.values()):
        return []
    not_held = {name: hold_exposure(record, cameras[name]) for name, record in known.items()}
    go_home(robot, workspace.spec.only_arm)
    return [
        _check(workspace, known[name], camera, not_held[name])
        if name in known
        else CameraCheck(name, None, None, tuple(_applied(workspace.spec.cameras[name], None)), ())
        for name, camera in cameras.items()
    ]


def complaints(checked: Iterable[CameraCheck]) -> str:
    """Return in words which cameras have moved, "" when none has."""
    return "; ".join(f"camera {_complaint(one)}" for one in checked if one.has_moved)


def _not_checked(workspace: Workspace, cameras: Iterable[str]) -> str:
    done = [
        f"{name} {words}"
        for name in cameras
        for words in reversed(list(_applied(workspace.spec.cameras[name], None)))
    ]
    told = "cameras are not checked for having moved"
    if len(workspace.spec.each_arm) == 1:
        told += f"; {workspace.command('calibrate drift')} takes a reference"
    return "; ".join([*done, told])


def _check(
    workspace: Workspace, record: CameraRecord, camera: Camera, not_held: list[str]
) -> CameraCheck:
    drift = moved_m = None
    if record.reference is not None:
        reference, picture = _pictures(workspace, record, camera)
        drift = measure_drift(reference, picture)
        moved_m = _moved_m(workspace.spec, record, drift, picture.shape[1::-1])
    frame = camera.latest(max_age_s=STILL_MAX_AGE_S).image
    refuse_other_size(workspace, record.camera, (frame.shape[1], frame.shape[0]))
    if record.exposure is not None:
        now = measure_light(frame)
        lit_otherwise = record.exposure.light.remarks(now)
    else:
        lit_otherwise = remarks_on(drift.brightness) if drift else []
    return CameraCheck(
        record.camera,
        drift,
        moved_m,
        applied=tuple(_applied(workspace.spec.cameras[record.camera], record)),
        light=(*not_held, *lit_otherwise),
    )


def _pictures(workspace: Workspace, record: CameraRecord, camera: Camera) -> tuple[Image, Image]:
    """Return a camera's reference and a picture taken now, of one size."""
    reference = reference_picture(workspace, record)
    picture = camera.still().image
    if picture.shape != reference.shape:
        now, then = (f"{image.shape[1]}×{image.shape[0]}" for image in (picture, reference))
        raise DeviceError(
            f"camera {record.camera} delivers {now} px, its reference has {then}",
            hint="set its resolution as it was, or take a new one: "
            + workspace.command("calibrate drift --accept"),
        )
    return reference, picture


def _applied(spec: CameraSpec, record: CameraRecord | None) -> Iterator[str]:
    """Yield in words what is done to a camera's pictures."""
    if record is not None and record.exposure is not None and record.exposure.controls:
        yield "exposure held"
    if spec.crop is not None:
        yield "crop " + ",".join(map(str, spec.crop))
    size_px = spec.crop[2:] if spec.crop else frame_size_px(spec) or (record and record.size_px)
    if size_px and (filled := filled_share(size_px, spec.size)) < FILLS:
        yield f"{1 - filled:.0%} black bars"


def _moved_m(
    spec: TaskSpec, record: CameraRecord, drift: Drift, size_px: tuple[int, ...]
) -> float | None:
    """Return about how far the view has moved where the robot works."""
    if drift.distance_px is None or record.lens is None or record.hand_eye is None:
        return None
    from scipy.spatial.transform import RigidTransform, Rotation  # 0.3 s to import

    T_parent_cam = record.hand_eye.transform
    home = reset_pose(spec.reset)
    T_base_tcp = RigidTransform.from_components(home[:3], Rotation.from_quat(home[3:]))
    on_tool = record.hand_eye.mount is Mount.TOOL
    eye = (T_base_tcp * T_parent_cam if on_tool else T_parent_cam).translation
    bounds = spec.control.bounds
    middle = np.mean([bounds.low[:3], bounds.high[:3]], axis=0)
    width_px, height_px = size_px
    focal_px = float(record.lens.at_size((width_px, height_px)).parameters[0])
    return drift.distance_px / focal_px * float(np.linalg.norm(middle - eye))


def _complaint(one: CameraCheck) -> str:
    if one.moved_px is None:
        return f"{one.camera} shows something else than its reference: is it covered or turned?"
    mm = f", about {1e3 * one.distance_m:.0f} mm" if one.distance_m is not None else ""
    return f"{one.camera} has moved: its picture by {one.moved_px:.1f} px{mm}"
