"""Pictures of how good a classifier is: precision over recall, and its worst mistakes."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hilctl.rewards.frames import LabelledFrames
from hilctl.rewards.metrics import Metrics
from hilctl.task.files import os_errors, write_bytes_atomic

COLUMNS = 6
TILE_IN = 2.0
PER_EPISODE = 2  # frames of one episode look alike


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
    label; a red frame marks a mistake. At most `PER_EPISODE` frames of an episode are shown. Where
    there are fewer mistakes, the nearest misses follow.

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
    worst = _worst(data, _logit(probability) - _logit(np.array(threshold)), wrong)[:count]
    pictures = [data.load_images(row) for row in worst]
    columns = len(pictures[0]) * max(1, COLUMNS // len(pictures[0]))
    rows = -(-sum(map(len, pictures)) // columns)
    size = (columns * TILE_IN, rows * (TILE_IN + 0.4))
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    places = iter(range(1, rows * columns + 1))
    for row, images in zip(worst, pictures, strict=True):
        label = "success" if data.labels[row] else "failure"
        where = f"{_short(data.episodes[row])} · step {data.steps[row]}"
        verdict = f"p {probability[row]:.3f}, labelled {label}"
        for camera, image in images.items():
            axes = figure.add_subplot(rows, columns, next(places))
            axes.imshow(image)
            axes.set_title(f"{camera} · {where}\n{verdict}", fontsize=7)
            axes.set(xticks=[], yticks=[])
            for spine in axes.spines.values():
                spine.set(color="tab:red" if wrong[row] else "tab:green", linewidth=2)
    mistakes = int(wrong[worst].sum())
    title = f"mistakes, in red: {mistakes}" if mistakes else "no mistakes; what came nearest to one"
    figure.suptitle(title, fontsize=10)
    _save(figure, path)
    return mistakes


def _worst(data: LabelledFrames, over: NDArray[np.float64], wrong: NDArray[np.bool_]) -> list[int]:
    """Return rows from the worst mistake to the safest, few of each episode."""
    order = np.lexsort([np.where(data.labels, over, -over), ~wrong])
    shown: Counter[str] = Counter()
    rows = []
    for row in order:
        name = str(data.episodes[row])
        shown[name] += 1
        if shown[name] <= PER_EPISODE:
            rows.append(int(row))
    return rows


def _logit(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    clipped = np.clip(probability, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(clipped / (1 - clipped)))


def _short(episode: str) -> str:
    return str(episode).removesuffix(".hdf5").removeprefix("episode_")


def _save(figure: Figure, path: Path) -> None:
    picture = io.BytesIO()
    FigureCanvasAgg(figure).print_png(picture)
    with os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes_atomic(path, picture.getvalue())
