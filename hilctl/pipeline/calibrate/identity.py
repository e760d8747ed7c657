"""Whether a camera is the one that was calibrated under its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from hilctl.calibration.record import CameraRecord, FactoryRecord, device_text
from hilctl.cameras.base import STILL_MAX_AGE_S, Camera
from hilctl.data.header import EpisodeHeader
from hilctl.errors import DeviceError
from hilctl.pipeline.calibrate.camera_files import CameraFiles
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
    """Check by type and serial that cameras are those that were calibrated under their names.

    Two names may stand for one device, each with a crop of its own.

    Raises:
        DeviceError: two are swapped, or one is another.
    """
    records = all_records(workspace)
    for name, camera in cameras.items():
        if name not in records or not is_another(workspace, records[name], camera):
            continue
        _refuse_swapped(workspace, name, camera)
        was, now = records[name].device, _device(workspace, name, camera)
        raise DeviceError(
            f"camera {name} is another one than was calibrated: {now}, not {was}",
            hint="put that one back; or begin anew with this one: "
            + workspace.command(f"calibrate drift --accept --camera {name}"),
        )


def is_another(workspace: Workspace, known: CameraRecord, camera: Camera) -> bool:
    """Return whether a camera is another device than what is known is about."""
    if known.driver not in (None, workspace.spec.cameras[known.camera].type):
        return True
    return None not in (known.serial, camera.serial) and known.serial != camera.serial


def meet(workspace: Workspace, name: str, camera: Camera, *, renew: bool = False) -> CameraRecord:
    """Note which device a camera is, and return what is known of it.

    Args:
        workspace: the task folder.
        name: of the camera.
        camera: open.
        renew: forget what is known of another device that was there before.

    Raises:
        DeviceError: it is another device, or delivers frames of another size than its crop is for.
        HilctlError: the folder cannot be written.
    """
    files = CameraFiles(workspace, name)
    known = files.record()
    if renew and known is not None and is_another(workspace, known, camera):
        _refuse_swapped(workspace, name, camera)
        with os_errors(files.record_file):
            files.record_file.unlink()
    refuse_others(workspace, {name: camera})
    height, width = camera.latest(max_age_s=STILL_MAX_AGE_S).image.shape[:2]
    refuse_other_size(workspace, name, (width, height))
    lens = camera.factory_lens()
    parts: dict[str, Any] = {"driver": files.spec.type}
    if camera.serial is not None:
        parts["serial"] = camera.serial
    if lens is not None:
        parts["factory"] = FactoryRecord(**asdict(lens))
    return files.update((width, height), **parts)


def refuse_other_size(workspace: Workspace, name: str, size_px: tuple[int, int]) -> None:
    """Check that a crop was chosen on frames of the size that a camera delivers.

    Raises:
        DeviceError: it was not.
    """
    known = CameraFiles(workspace, name).record()
    if known is None or known.crop is None or known.size_px == size_px:
        return
    if workspace.spec.cameras[name].crop != known.crop:
        return  # the task file has its own
    then, now = (f"{width}×{height}" for width, height in (known.size_px, size_px))
    raise DeviceError(
        f"the crop of camera {name} was chosen on {then} px, now it delivers {now}",
        hint="set its resolution as it was, or choose anew: "
        + workspace.command(f"calibrate roi --camera {name}"),
    )


def _refuse_swapped(workspace: Workspace, name: str, camera: Camera) -> None:
    owners = {record.serial: owner for owner, record in all_records(workspace).items()}
    owner = owners.get(camera.serial) if camera.serial is not None else None
    if owner is not None and owner != name:
        raise DeviceError(
            f"camera {name} is the one that was calibrated as {owner} "
            f"(serial {camera.serial}): are they swapped?",
            hint=f"swap them in {workspace.task_file}; or forget what is known of them: "
            f"rm {workspace.calibration / name}.json {workspace.calibration / owner}.json",
        )


def _device(workspace: Workspace, name: str, camera: Camera) -> str:
    return device_text(workspace.spec.cameras[name].type, camera.serial)
