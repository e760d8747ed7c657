"""Labelled pictures as they were recorded: where the tool has been, and how varied they are."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray

from hilctl.data import layout
from hilctl.data.dataset import Dataset
from hilctl.data.header import opened
from hilctl.data.own_numbers import datasets_in
from hilctl.networks.perception import POSE
from hilctl.pipeline.record.label_counts import labels_of
from hilctl.pipeline.record.labelling import FAILURE, NEITHER
from hilctl.pipeline.record.sweep import Coverage
from hilctl.rewards.frames import variety
from hilctl.task.layout import named
from hilctl.task.spec import TaskSpec

THUMBNAIL_PX = 32


def coverage_of(spec: TaskSpec, datasets: Sequence[Dataset]) -> dict[str, Coverage]:
    """Return where the tcp of each arm has been in all of the episodes, by name of the arm.

    Raises:
        DataError: a file is unreadable.
    """
    bounds = {name: arm.control.bounds for name, arm in spec.each_arm.items()}
    covered = {
        name: Coverage(np.array(box.low), np.array(box.high)) for name, box in bounds.items()
    }
    for dataset in datasets:
        for path in dataset.paths:
            with opened(path) as episode:
                for name, coverage in covered.items():
                    coverage.add(episode[f"obs/{named(name, POSE)}"][()])
                    coverage.add(episode[f"final_obs/{named(name, POSE)}"][()])
    return covered


def measure_variety(dataset: Dataset) -> float | None:
    """Return `rewards.frames.variety` of the labelled pictures, made small.

    Raises:
        DataError: a file is unreadable.
    """
    pictures, kinds = [], []
    for header in dataset.headers:
        with opened(header.path) as episode:
            labels = labels_of(episode)
            rows = np.flatnonzero(labels != NEITHER)[::4]
            names = datasets_in(episode, "obs")
            cameras = [key for key in names if layout.is_image(episode[f"obs/{key}"])]
            for row in rows:
                images = [picture_of(episode, camera, int(row) + 1) for camera in cameras]
                pictures.append(np.concatenate([_thumbnail(image) for image in images]))
        kinds.append(labels[rows] > FAILURE)
    if not pictures:
        return None
    return variety(np.stack(pictures), np.concatenate(kinds))


def picture_of(episode: h5py.Group, camera: str, frame: int) -> NDArray[np.uint8]:
    """Return frame 0 … T of a camera."""
    before = episode[f"obs/{camera}"]
    picture = before[frame] if frame < len(before) else episode[f"final_obs/{camera}"][0]
    return np.asarray(picture)


def _thumbnail(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    small = cv2.resize(image, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8).reshape(-1)
