"""The labelled frames of a task: where the tool has been, how varied they are, and encoded."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray

from hilctl.data import layout
from hilctl.data.dataset import Dataset
from hilctl.data.header import opened
from hilctl.networks.encoders.base import Encoder
from hilctl.pipeline.record.label_counts import labels_of
from hilctl.pipeline.record.labelling import NEITHER, SUCCESS
from hilctl.pipeline.events import Event, Report
from hilctl.pipeline.record.sweep import Coverage
from hilctl.rewards.frames import Images, LabelledFrames, variety
from hilctl.task.spec import TaskSpec

THUMBNAIL_PX = 32
POSE = "tcp_pose"


def coverage_of(spec: TaskSpec, datasets: Sequence[Dataset]) -> Coverage:
    """Return where the tcp has been in all of the episodes.

    Raises:
        DataError: a file is unreadable.
    """
    bounds = spec.control.bounds
    coverage = Coverage(np.array(bounds.low), np.array(bounds.high))
    for dataset in datasets:
        for path in dataset.paths:
            with opened(path) as episode:
                coverage.add(episode[f"obs/{POSE}"][()])
                coverage.add(episode[f"final_obs/{POSE}"][()])
    return coverage


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
            cameras = [key for key in episode["obs"] if layout.is_image(episode[f"obs/{key}"])]
            for row in rows:
                images = [_picture(episode, camera, int(row) + 1) for camera in cameras]
                pictures.append(np.concatenate([_thumbnail(image) for image in images]))
        kinds.append(labels[rows] == SUCCESS)
    if not pictures:
        return None
    return variety(np.stack(pictures), np.concatenate(kinds))


def encode_labels(
    dataset: Dataset, cameras: Sequence[str], encoder: Encoder, report: Report
) -> LabelledFrames:
    """Read and encode all labelled frames.

    Args:
        dataset: of label episodes.
        cameras: whose frames.
        encoder: frozen.
        report: told of each episode.

    Raises:
        DataError: a file is unreadable, or lacks a camera.
    """
    features: dict[str, list[NDArray[np.float16]]] = {camera: [] for camera in cameras}
    labels, steps, paths = [], [], []
    for number, episode in enumerate(dataset.episodes(), 1):
        known = np.full(len(episode), NEITHER) if episode.labels is None else episode.labels
        rows = np.flatnonzero(known != NEITHER)
        for camera in cameras:
            features[camera].append(encoder.encode_many(episode.images(camera)[rows + 1]))
        labels.append(known[rows] == SUCCESS)
        steps.append(rows)
        paths += [episode.header.path] * len(rows)
        text = f"encoding episode {number}/{len(dataset)}"
        report(Event("encode", text, number, len(dataset), {"episode": number}))
    names = np.array([path.name for path in paths])
    all_steps = np.concatenate(steps)

    def load_images(index: int) -> Images:
        with opened(paths[index]) as episode:
            row = int(all_steps[index]) + 1
            return {camera: _picture(episode, camera, row) for camera in cameras}

    joined = {camera: np.concatenate(parts) for camera, parts in features.items()}
    return LabelledFrames(joined, np.concatenate(labels), names, all_steps, load_images)


def _picture(episode: h5py.Group, camera: str, frame: int) -> NDArray[np.uint8]:
    """Return frame 0 … T of a camera."""
    before = episode[f"obs/{camera}"]
    picture = before[frame] if frame < len(before) else episode[f"final_obs/{camera}"][0]
    return np.asarray(picture)


def _thumbnail(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    small = cv2.resize(image, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8).reshape(-1)
