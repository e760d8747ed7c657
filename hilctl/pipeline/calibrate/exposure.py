"""The step `exposure`: let a camera's automatics settle, then hold what they have found."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hilctl.calibration.exposure import Brightness, measure_light, not_taken
from hilctl.calibration.record import CameraRecord, ExposureRecord
from hilctl.cameras.base import STILL_MAX_AGE_S, Camera
from hilctl.clock import Clock
from hilctl.errors import DeviceError
from hilctl.pipeline.calibrate.camera_files import CameraFiles
from hilctl.pipeline.calibrate.devices import go_home
from hilctl.pipeline.calibrate.identity import meet
from hilctl.pipeline.events import Event, Report
from hilctl.robots.base import Robot
from hilctl.task.workspace import Workspace

PERIOD_S = 0.2
STEADY = 5  # looks one after the other that are alike: a second
STEADY_SHARE = 0.02  # of the luminance
SETTLE_S = 10.0


def lock_exposure(
    workspace: Workspace, robot: Robot, cameras: Mapping[str, Camera], report: Report
) -> dict[str, ExposureRecord]:
    """Let cameras settle on what they see with the robot at its reset pose, and hold that.

    Args:
        workspace: the task folder.
        robot, cameras: open.
        report: told of every camera, and of light that is bad to see by.

    Raises:
        DeviceError: a picture does not settle, or a camera does not take its own controls.
        HilctlError: the folder cannot be written.
    """
    go_home(robot, workspace.spec.only_arm)
    records = {}
    for name, camera in cameras.items():
        known = meet(workspace, name, camera)
        _settle(name, camera, robot.rig.clock)
        records[name] = _hold(name, camera, robot.rig.clock)
        CameraFiles(workspace, name).update(known.size_px, exposure=records[name])
        figures = {"camera": name, **records[name].model_dump(mode="json")}
        report(Event("exposure", _told(name, records[name]), figures=figures))
    return records


def hold_exposure(record: CameraRecord, camera: Camera) -> list[str]:
    """Give a camera the controls that were locked; return in words which ones it did not take.

    Raises:
        DeviceError: the camera does not answer.
    """
    if record.exposure is None or not record.exposure.controls:
        return []
    return not_taken(record.exposure.controls, camera.fix(record.exposure.controls))


def greet(files: CameraFiles, camera: Camera, report: Report) -> None:
    """Note which device a camera is, and give it the controls that were locked for it.

    Raises:
        DeviceError: it is another device than what is known is about.
        HilctlError: the folder cannot be written.
    """
    known = meet(files.workspace, files.camera, camera)
    for trouble in hold_exposure(known, camera):
        report(trouble_with(files.camera, trouble))


def trouble_with(camera: str, trouble: str) -> Event:
    """Return what is told of a camera that is not as it should be."""
    return Event("cameras", f"camera {camera}: {trouble}", figures={camera: trouble})


def _settle(name: str, camera: Camera, clock: Clock) -> None:
    """Wait until a camera's picture has stopped to become lighter or darker.

    Raises:
        DeviceError: it goes on for `SETTLE_S`.
    """
    levels: list[float] = []
    for _ in range(round(SETTLE_S / PERIOD_S)):
        levels = [*levels, _look(camera).luminance][-STEADY:]
        if len(levels) == STEADY and np.ptp(levels) <= STEADY_SHARE * max(levels):
            return
        clock.sleep_until(clock.now_ns() + round(PERIOD_S * 1e9))
    raise DeviceError(
        f"the brightness of camera {name} has not settled within {SETTLE_S:g} s: "
        f"it went between {min(levels):.0%} and {max(levels):.0%} of full light",
        hint="does the light flicker, or something move before it? then try again",
    )


def _hold(name: str, camera: Camera, clock: Clock) -> ExposureRecord:
    controls = camera.controls()
    if controls and (off := not_taken(controls, camera.fix(controls))):
        raise DeviceError(
            f"camera {name} does not hold its exposure: {'; '.join(off)}",
            hint="close other programs that use it, plug it in anew, then try again",
        )
    # frames on their way were taken before
    clock.sleep_until(clock.now_ns() + round(PERIOD_S * 1e9))
    light = _look(camera)
    return ExposureRecord(controls=controls, luminance=light.luminance, saturated=light.saturated)


def _look(camera: Camera) -> Brightness:
    return measure_light(camera.latest(max_age_s=STILL_MAX_AGE_S).image)


def _told(name: str, record: ExposureRecord) -> str:
    held = ", ".join(f"{control} {value:g}" for control, value in record.controls.items())
    told = f"{name}: {record.luminance:.0%} of full light, {record.saturated:.0%} over-exposed"
    told += f"; held: {held}" if held else "; its driver cannot hold exposure: light is compared"
    against = record.light.objection
    return f"{told}; {against}" if against else told
