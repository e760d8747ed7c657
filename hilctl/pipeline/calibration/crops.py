"""The step `roi`: which part of a camera's frame the policy sees."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hilctl.calibration.boards.base import Image
from hilctl.calibration.record import CameraRecord
from hilctl.calibration.roi import Box, cut_motion, drawn, motion_map
from hilctl.calibration.views import write_picture
from hilctl.data.dataset import Dataset
from hilctl.data.header import EpisodeHeader
from hilctl.env.robot_env import crop_and_resize
from hilctl.errors import UsageError
from hilctl.pipeline.calibration.camera_files import CameraFiles
from hilctl.task.load import load_task
from hilctl.task.workspace import Workspace

Motion = NDArray[np.float64]

MAX_CUT = 0.05  # of what moves
MAX_SQUEEZE = 1.1  # of the sides' ratio, from crop to what the policy sees
GAP_PX = 8


def uncropped(workspace: Workspace) -> Workspace:
    """Return a task folder as its file alone says: without the crops that were chosen here.

    Raises:
        TaskFileError: the file is wrong.
    """
    return Workspace(workspace.root, spec=load_task(workspace.task_file))


def require_choice(workspace: Workspace, camera: str) -> None:
    """Check that the task file leaves the crop of a camera to be chosen.

    Args:
        workspace: as `uncropped` returns it.
        camera: its name.

    Raises:
        UsageError: the file says it.
    """
    crop = workspace.spec.cameras[camera].crop
    if crop is not None:
        raise UsageError(
            f"{workspace.task_file} itself says what is seen of camera {camera}: {list(crop)}",
            hint="edit it there; or delete `crop` there, then choose here",
        )


def keep_crop(files: CameraFiles, image: Image, crop: Box, motion: Motion | None) -> CameraRecord:
    """Keep a crop, with a picture of it for people.

    Args:
        files: of the camera.
        image: (H, W, 3) raw frame.
        crop: of it; all of it = none.
        motion: (H, W) share of the frames in which each pixel moves.

    Raises:
        HilctlError: the folder cannot be written.
    """
    size_px = (image.shape[1], image.shape[0])
    record = files.update(size_px, crop=None if crop == (0, 0, *size_px) else crop)
    seen = as_policy_sees(files, image, crop)
    shown = drawn(image, crop, motion)
    scale = max(1, round(seen.shape[0] / shown.shape[0]))
    large = shown.repeat(scale, axis=0).repeat(scale, axis=1)
    height = max(len(large), len(seen))
    sides = [np.pad(side, ((0, height - len(side)), (0, GAP_PX), (0, 0))) for side in (large, seen)]
    write_picture(picture_file(files), np.concatenate(sides, axis=1))
    return record


def picture_file(files: CameraFiles) -> Path:
    """Return the file with the picture of a camera's crop."""
    return files.folder / f"{files.camera}-roi.png"


def as_policy_sees(files: CameraFiles, image: Image, crop: Box) -> Image:
    """Return what the policy sees of a raw frame under a crop."""
    return crop_and_resize(image, files.spec.model_copy(update={"crop": crop}))


def remarks(files: CameraFiles, crop: Box, motion: Motion | None) -> list[str]:
    """Return in words what speaks against a crop."""
    found = []
    if motion is not None and (cut := cut_motion(motion, crop)) > MAX_CUT:
        found.append(f"it cuts {cut:.0%} of what moves in the demonstrations")
    (wide, high), size = crop[2:], files.spec.size
    squeeze = (wide / high) / (size[0] / size[1])
    if max(squeeze, 1 / squeeze) > MAX_SQUEEZE:
        found.append(
            f"{wide}×{high} px are squeezed into {size[0]}×{size[1]}: shapes are distorted"
        )
    return found


def recorded_otherwise(workspace: Workspace, camera: str, crop: Box | None) -> int:
    """Return how many demonstrations and label episodes were recorded with another crop."""
    wanted = None if crop is None else list(crop)
    headers = [
        header
        for folder in (workspace.demos, workspace.labels)
        for header in Dataset.open(folder, expect_fingerprint=None).headers
    ]
    return sum(_crop_of(header, camera) != wanted for header in headers)


def motion_in_demos(files: CameraFiles, demos: Path, size_px: tuple[int, int]) -> Motion | None:
    """Return (H, W) in how many frames of the demonstrations each pixel of the raw frame moves.

    What lay outside of the crop they were recorded with counts as still.

    Args:
        files: of the camera.
        demos: folder of the demonstrations.
        size_px: width and height of the raw frame.

    Raises:
        DataError: an episode is damaged.
    """
    total, frames = np.zeros(size_px[::-1]), 0
    for episode in Dataset.open(demos, expect_fingerprint=None).episodes():
        if files.camera not in episode.cameras:
            continue
        moved = motion_map([episode.images(files.camera)])
        x, y, width, height = _crop_of(episode.header, files.camera) or (0, 0, *size_px)
        if moved is None or x + width > size_px[0] or y + height > size_px[1]:
            continue
        region = cv2.resize(moved, (width, height), interpolation=cv2.INTER_LINEAR)
        total[y : y + height, x : x + width] += len(episode) * region
        frames += len(episode)
    return total / frames if frames else None


def _crop_of(header: EpisodeHeader, camera: str) -> list[int] | None:
    known = header.task_identity.get("cameras", {}).get(camera, {}).get("crop")
    return None if known is None else [int(side) for side in known]
