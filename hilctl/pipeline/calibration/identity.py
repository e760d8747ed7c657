"""Whether a camera is the one that was calibrated under its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict

from hilctl.calibration.record import CameraRecord, FactoryRecord
from hilctl.cameras.base import STILL_MAX_AGE_S, Camera
from hilctl.data.header import EpisodeHeader
from hilctl.errors import DeviceError
from hilctl.pipeline.calibration.camera_files import CameraFiles
from hilctl.task.files import os_errors
from hilctl.task.workspace import Workspace

REFERENCE_DIGITS = 12


def all_records(workspace: Workspace) -> dict[str, CameraRecord]:
    """Return what is known of each camera of the task of which something is known.

    Raises:
        DataError: a file is damaged.
    """
    records = {name: CameraFiles(workspace, name).record() for name in workspace.spec.cameras}
    return {name: record for name, record in records.items() if record is not None}


def current_references(workspace: Workspace) -> dict[str, str]:
    """Return digits of the sha256 of each camera's reference picture, as episodes keep them.

    Raises:
        DataError: a file is damaged.
    """
    return {
        name: record.reference.sha256[:REFERENCE_DIGITS]
        for name, record in all_records(workspace).items()
        if record.reference is not None
    }


def from_before(workspace: Workspace, headers: Iterable[EpisodeHeader]) -> dict[str, int]:
    """Return of how many episodes each camera's reference was another one than it is now."""
    current, counts = current_references(workspace), Counter[str]()
    for header in headers:
        counts.update(
            name
            for name, digits in header.references.items()
            if current.get(name, digits) != digits
        )
    return dict(counts)


def refuse_others(workspace: Workspace, cameras: Mapping[str, Camera]) -> None:
    """Check by their serials that cameras are those that were calibrated.

    Raises:
        DeviceError: two are swapped, or one is another.
    """
    refuse_swapped(workspace, cameras)
    records = all_records(workspace)
    for name, camera in cameras.items():
        known = records[name].serial if name in records else None
        if None not in (known, camera.serial) and known != camera.serial:
            raise DeviceError(
                f"camera {name} is another one than was calibrated: its serial is "
                f"{camera.serial}, that one has {known}",
                hint="put that one back; or begin anew with this one: "
                + workspace.command(f"calibrate drift --accept --camera {name}"),
            )


def refuse_swapped(workspace: Workspace, cameras: Mapping[str, Camera]) -> None:
    """Check that no camera is the one that was calibrated under another name.

    Raises:
        DeviceError: one is.
    """
    owners = {record.serial: name for name, record in all_records(workspace).items()}
    for name, camera in cameras.items():
        owner = owners.get(camera.serial)
        if camera.serial is not None and owner not in (None, name):
            raise DeviceError(
                f"camera {name} is the one that was calibrated as {owner} "
                f"(serial {camera.serial}): are they swapped?",
                hint=f"swap them in {workspace.task_file}; or forget what was known: "
                f"rm {CameraFiles(workspace, str(owner)).record_file}",
            )


def meet(workspace: Workspace, name: str, camera: Camera) -> bool:
    """Note which device a camera is, and forget what was known of another one in its place.

    Returns:
        Whether something was forgotten.

    Raises:
        DeviceError: it is the one that was calibrated under another name.
        HilctlError: the folder cannot be written.
    """
    refuse_swapped(workspace, {name: camera})
    files = CameraFiles(workspace, name)
    known, serial = files.record(), camera.serial
    height, width = camera.latest(max_age_s=STILL_MAX_AGE_S).image.shape[:2]
    another = known is not None and None not in (known.serial, serial) and known.serial != serial
    if another:
        with os_errors(files.record_file):
            files.record_file.unlink()
    lens = camera.factory_lens()
    parts = {"serial": serial, "factory": FactoryRecord(**asdict(lens)) if lens else None}
    files.update((width, height), **{key: part for key, part in parts.items() if part is not None})
    return another
