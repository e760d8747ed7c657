"""What calibration has found out that is part of the task: which part of a frame the policy sees.

The task file is the person's and is never rewritten; what it says itself goes first.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from hilctl.errors import DataError
from hilctl.task.json_files import read_json
from hilctl.task.plugins import frame_size_px
from hilctl.task.sections import Box, CameraSpec
from hilctl.task.spec import TaskSpec

FORMAT = 1  # of `calibration/<camera>.json`
HINT = "move it away and calibrate again: hilctl calibrate"


class VersionedCamera(BaseModel):
    """The part of `calibration/<camera>.json` that all versions have."""

    format: int


class MeasuredCamera(BaseModel):
    """The part of `calibration/<camera>.json` that belongs to the task."""

    size_px: tuple[int, int]
    crop: Box | None = None


def with_measured(spec: TaskSpec, folder: Path) -> TaskSpec:
    """Return a task whose cameras have the crops that were chosen for them.

    Args:
        spec: as in the task file.
        folder: of the calibration.

    Raises:
        DataError: a file is damaged, of another format, or its crop is for other frames.
    """
    cameras = {}
    for name, camera in spec.cameras.items():
        file = folder / f"{name}.json"
        known = _read(file)
        if known is None or known.crop is None or camera.crop is not None:
            cameras[name] = camera
            continue
        if why := _misfit(name, camera, known):
            hint = f"set it as it was, or choose anew: hilctl calibrate roi --camera {name}"
            raise DataError(why, where=str(file), hint=hint)
        cameras[name] = camera.model_copy(update={"crop": known.crop})
    return spec.model_copy(update={"cameras": cameras})


def cameras_to_crop_anew(spec: TaskSpec, folder: Path) -> list[str]:
    """Return the cameras of a task whose chosen crop no longer fits their frames."""
    known = {name: _read(folder / f"{name}.json") for name in spec.cameras}
    return [
        name
        for name, camera in spec.cameras.items()
        if (found := known[name]) is not None and camera.crop is None
        if found.crop is not None and _misfit(name, camera, found)
    ]


def check_format(file: Path) -> None:
    """Check that this version can read what is known of a camera.

    Raises:
        DataError: the file is damaged, or of another format.
    """
    versioned = read_json(VersionedCamera, file, hint=HINT)
    if versioned is not None and versioned.format != FORMAT:
        message = f"{file.name} has format {versioned.format}, this version reads {FORMAT}"
        raise DataError(message, where=str(file), hint=HINT)


def _read(file: Path) -> MeasuredCamera | None:
    check_format(file)
    return read_json(MeasuredCamera, file, hint=HINT)


def _misfit(name: str, camera: CameraSpec, known: MeasuredCamera) -> str | None:
    """Return why a crop cannot be used, or None."""
    size_px = frame_size_px(camera)
    if size_px is None or size_px == known.size_px:
        return None
    then, now = (f"{width}×{height}" for width, height in (known.size_px, size_px))
    return f"the crop of camera {name} was chosen on {then} px, its frames now have {now}"
