"""What calibration has found out that is part of the task: which part of a frame the policy sees.

The task file is the person's and is never rewritten; what it says itself goes first.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from hilctl.errors import DataError
from hilctl.task.json_files import read_json
from hilctl.task.plugins import frame_size_px
from hilctl.task.spec import Box, CameraSpec, TaskSpec


class Measured(BaseModel):
    """The part of `calibration/<camera>.json` that belongs to the task."""

    crop: Box | None = None


def with_measured(spec: TaskSpec, folder: Path) -> TaskSpec:
    """Return a task whose cameras have the crops that were chosen for them.

    Args:
        spec: as in the task file.
        folder: of the calibration.

    Raises:
        DataError: a file is damaged, or its crop leaves the raw frame.
    """
    cameras = {}
    for name, camera in spec.cameras.items():
        file = folder / f"{name}.json"
        known = read_json(Measured, file, hint="move it away and calibrate again: hilctl calibrate")
        if camera.crop is None and known is not None and known.crop is not None:
            _check_inside(camera, known.crop, file)
            camera = camera.model_copy(update={"crop": known.crop})
        cameras[name] = camera
    return spec.model_copy(update={"cameras": cameras})


def _check_inside(camera: CameraSpec, crop: tuple[int, int, int, int], file: Path) -> None:
    size_px = frame_size_px(camera)
    x, y, width, height = crop
    if size_px and (x + width > size_px[0] or y + height > size_px[1]):
        raise DataError(
            f"the crop {x},{y},{width},{height} leaves "
            f"the raw frame of {size_px[0]}×{size_px[1]} px",
            where=str(file),
            hint="set the camera's resolution as it was, or choose anew: hilctl calibrate roi",
        )
