"""The labelled frames of a task, encoded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hilctl.data.dataset import Dataset
from hilctl.data.header import opened
from hilctl.networks.encoders.base import Encoder
from hilctl.pipeline.events import Event, Report
from hilctl.pipeline.record.labelling import NEITHER, SUCCESS
from hilctl.pipeline.record.variety import picture_of
from hilctl.rewards.frames import Images, LabelledFrames


def encode_labels(
    dataset: Dataset, cameras: Sequence[str], encoder: Encoder, report: Report
) -> tuple[LabelledFrames, NDArray[np.int8]]:
    """Read and encode all labelled frames.

    Args:
        dataset: of label episodes.
        cameras: whose frames.
        encoder: frozen.
        report: told of each episode.

    Returns:
        The frames, in which the first stage is success, and (N,) how many stages each shows.

    Raises:
        DataError: a file is unreadable, or lacks a camera.
    """
    features: dict[str, list[NDArray[np.float16]]] = {camera: [] for camera in cameras}
    reached, steps, paths = [], [], []
    for number, episode in enumerate(dataset.episodes(), 1):
        known = np.full(len(episode), NEITHER) if episode.labels is None else episode.labels
        rows = np.flatnonzero(known != NEITHER)
        for camera in cameras:
            features[camera].append(encoder.encode_many(episode.images(camera)[rows + 1]))
        reached.append(known[rows].astype(np.int8))
        steps.append(rows)
        paths += [episode.header.path] * len(rows)
        text = f"encoding episode {number}/{len(dataset)}"
        report(Event("encode", text, number, len(dataset), {"episode": number}))
    names = np.array([path.name for path in paths])
    all_steps = np.concatenate(steps)

    def load_images(index: int) -> Images:
        with opened(paths[index]) as episode:
            row = int(all_steps[index]) + 1
            return {camera: picture_of(episode, camera, row) for camera in cameras}

    joined = {camera: np.concatenate(parts) for camera, parts in features.items()}
    counted = np.concatenate(reached)
    labels = counted >= SUCCESS
    return LabelledFrames(joined, labels, names, all_steps, load_images), counted
