"""The step `roi`: which part of a camera's frame the policy sees."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hilctl.calibration.boards.base import Image
from hilctl.calibration.roi import CUTS_MUCH, cut_motion, cuts, drawn, motion_map, objections
from hilctl.calibration.views import write_picture
from hilctl.data.cache import ArrayCache
from hilctl.data.dataset import Dataset
from hilctl.data.header import EpisodeHeader
from hilctl.data.index import episode_paths
from hilctl.env.robot_env import crop_and_resize
from hilctl.errors import UsageError
from hilctl.networks.letterbox import filled_box
from hilctl.pipeline.calibrate.camera_files import CameraFiles
from hilctl.task.load import load_task
from hilctl.task.plugins import frame_size_px
from hilctl.task.sections import Box
from hilctl.task.workspace import Workspace

Motion = NDArray[np.float64]

GAP_PX, HEIGHT_PX = 8, 384
MOTION = "motion"  # beside the demonstrations


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


@dataclass(frozen=True)
class KeptCrop:
    """A crop that was kept.

    Attributes:
        crop: x, y, width, height in px on the raw frame; None = all of it.
        remarks: what speaks against it, in words.
        episodes_that_no_longer_fit: how many were recorded with another crop.
    """

    crop: Box | None
    remarks: list[str]
    episodes_that_no_longer_fit: int

    def __str__(self) -> str:
        """Return it as on the command line."""
        return "all of it" if self.crop is None else ",".join(map(str, self.crop))


def keep_crop(files: CameraFiles, image: Image, box: Box, motion: Motion | None) -> KeptCrop:
    """Keep a crop, with a picture of it for people.

    Args:
        files: of the camera.
        image: (H, W, 3) raw frame.
        box: of it; all of it = none.
        motion: (H, W) share of the frames in which each pixel moves.

    Raises:
        HilctlError: the folder cannot be written.
    """
    size_px = (image.shape[1], image.shape[0])
    crop = None if box == (0, 0, *size_px) else box
    others = _recorded_otherwise(files, crop)
    remarks = objections(box, files.spec.size, motion)
    if others:
        remarks.append(
            f"{others} episodes were recorded with another crop and no longer fit: "
            "record them anew, or choose that crop again"
        )
    files.update(size_px, crop=crop)
    write_picture(picture_file(files), _beside(drawn(image, box, motion), _seen(files, image, box)))
    return KeptCrop(crop, remarks, others)


def _seen(files: CameraFiles, image: Image, box: Box) -> Image:
    spec = files.spec.model_copy(update={"crop": box})
    return crop_and_resize(files.camera, image, spec)


def _beside(shown: Image, seen: Image) -> Image:
    """Return a frame and what is seen of it beside each other, large enough to look at."""
    large = [_enlarged(shown), _enlarged(seen)]
    height = max(map(len, large))
    sides = [np.pad(side, ((0, height - len(side)), (0, GAP_PX), (0, 0))) for side in large]
    return np.concatenate(sides, axis=1)


def _enlarged(image: Image) -> Image:
    times = max(1, round(HEIGHT_PX / image.shape[0]))
    return image.repeat(times, axis=0).repeat(times, axis=1)


def picture_file(files: CameraFiles) -> Path:
    """Return the file with the picture of a camera's crop."""
    return files.folder / f"{files.camera}-roi.png"


def _recorded_otherwise(files: CameraFiles, crop: Box | None) -> int:
    """Return how many demonstrations and label episodes were recorded with another crop."""
    wanted = None if crop is None else list(crop)
    folders = (files.workspace.demos, files.workspace.labels)
    headers = [header for folder in folders for header in Dataset.of_readable(folder).headers]
    return sum(_crop_of(header, files.camera) != wanted for header in headers)


def motion_in_demos(files: CameraFiles, demos: Path, size_px: tuple[int, int]) -> Motion | None:
    """Return (H, W) in how many frames of the demonstrations each pixel of the raw frame moves.

    What lay outside of the crop they were recorded with counts as still; episodes that cannot be
    read are left out.

    Args:
        files: of the camera.
        demos: folder of the demonstrations.
        size_px: width and height of the raw frame.
    """
    total, frames = np.zeros(size_px[::-1]), 0
    for episode in Dataset.of_readable(demos).episodes():
        if files.camera not in episode.cameras:
            continue
        moved = motion_map([episode.images(files.camera)])
        x, y, width, height = _crop_of(episode.header, files.camera) or (0, 0, *size_px)
        if moved is None or x + width > size_px[0] or y + height > size_px[1]:
            continue
        left, top, across, down = filled_box((width, height), (moved.shape[1], moved.shape[0]))
        moved = moved[top : top + down, left : left + across]
        region = cv2.resize(moved, (width, height), interpolation=cv2.INTER_LINEAR)
        total[y : y + height, x : x + width] += len(episode) * region
        frames += len(episode)
    return total / frames if frames else None


def hidden_motion(workspace: Workspace) -> list[str]:
    """Return in words which crops cut away what moves in demonstrations that showed more."""
    found = []
    for name, camera in workspace.spec.cameras.items():
        files = CameraFiles(workspace, name)
        if camera.crop is None or not _recorded_otherwise(files, camera.crop):
            continue
        known = files.record()
        size_px = frame_size_px(camera) or (known.size_px if known else None)
        motion = _known_motion(files, size_px) if size_px else None
        cut = 0.0 if motion is None else cut_motion(motion, camera.crop)
        if cut > CUTS_MUCH:
            found.append(f"the crop of camera {name} {cuts(cut)}")
    return found


def _known_motion(files: CameraFiles, size_px: tuple[int, int]) -> Motion | None:
    """Return `motion_in_demos`, worked out once for the demonstrations that there are."""
    demos = files.workspace.demos
    stats = [(path.name, path.stat()) for path in episode_paths(demos)]
    origin = repr((size_px, [(name, about.st_size, about.st_mtime_ns) for name, about in stats]))
    cache = ArrayCache(demos / MOTION)
    kept = cache.get(files.camera, origin)
    if kept is None:
        motion = motion_in_demos(files, demos, size_px)
        kept = {} if motion is None else {MOTION: motion.astype(np.float32)}
        cache.keep(files.camera, origin, kept)
    return kept.get(MOTION)


def _crop_of(header: EpisodeHeader, camera: str) -> list[int] | None:
    known = header.task_identity.get("cameras", {}).get(camera, {}).get("crop")
    return None if known is None else [int(side) for side in known]
