"""Pictures of how good a classifier is: precision over recall, and its worst mistakes."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hilctl.rewards.frames import LabelledFrames
from hilctl.rewards.metrics import Metrics
from hilctl.rewards.store import write_bytes_atomic
from hilctl.task.workspace import os_errors

COLUMNS = 4
TILE_IN = 2.4


def draw_curve(path: Path, metrics: Metrics, threshold: float) -> None:
    """Draw precision over recall on held-out episodes, with the threshold marked, as a PNG.

    Raises:
        HilctlError: the disk is full or the folder cannot be written.
    """
    figure = Figure(figsize=(5, 4), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    _, precision, recall = np.array(metrics.curve).T
    axes.plot(recall, precision, drawstyle="steps-post", color="tab:blue")
    axes.plot(metrics.recall, metrics.precision, "o", color="tab:red", label=f"p ≥ {threshold:.3f}")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.set_title("frames of held-out episodes")
    axes.legend(loc="lower left")
    _save(figure, path)


def draw_mistakes(
    path: Path,
    data: LabelledFrames,
    probability: NDArray[np.float64],
    threshold: float,
    count: int = 12,
) -> int:
    """Draw the frames that were judged worst, as a PNG, and return how many are mistakes.

    Each tile is one camera's picture, titled with camera, episode, step, held-out probability and
    label; a red frame marks a mistake. Where there are fewer mistakes, the nearest misses follow.

    Args:
        probability: (N,) held-out probability of each frame of `data`.
        count: frames to show.

    Raises:
        ValueError: the data cannot load pictures.
        HilctlError: the disk is full or the folder cannot be written.
    """
    if data.load_images is None:
        raise ValueError("these frames have no pictures")
    wrong = (probability >= threshold) != data.labels
    margin = np.where(data.labels, threshold - probability, probability - threshold)
    worst = np.lexsort([-margin, ~wrong])[:count]
    tiles = [
        (image, f"{camera} · {_short(data.episodes[row])} · step {data.steps[row]}", row)
        for row in worst
        for camera, image in data.load_images(int(row)).items()
    ]
    rows = -(-len(tiles) // COLUMNS)
    figure = Figure(figsize=(COLUMNS * TILE_IN, rows * (TILE_IN + 0.5)), dpi=110, layout="constrained")
    for place, (image, title, row) in enumerate(tiles):
        axes = figure.add_subplot(rows, COLUMNS, place + 1)
        axes.imshow(image)
        label = "success" if data.labels[row] else "failure"
        axes.set_title(f"{title}\np {probability[row]:.3f}, labelled {label}", fontsize=7)
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(color="tab:red" if wrong[row] else "tab:green", linewidth=2)
    _save(figure, path)
    return int(wrong[worst].sum())


def _short(episode: str) -> str:
    return str(episode).removesuffix(".hdf5").removeprefix("episode_")


def _save(figure: Figure, path: Path) -> None:
    picture = io.BytesIO()
    FigureCanvasAgg(figure).print_png(picture)
    with os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes_atomic(path, picture.getvalue())
