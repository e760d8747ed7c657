"""Labelled frames: what a classifier learns from, what is held out, and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hilctl.errors import DataError

LEAST_EPISODES = 2  # with success, and with failure: one of each is held out
MIN_VARIETY = 0.25  # failures closer together than this share of their way to success look alike
SAMPLE = 300
ALL_HEADS = -1

Images = Mapping[str, NDArray[np.uint8]]


@dataclass(frozen=True)
class LabelledFrames:
    """Encoded frames with labels.

    Attributes:
        features: camera → (N, rows, columns, channels) float16 of the frozen encoder.
        labels: (N,) bool, True where the task is done.
        episodes: (N,) names; frames of one episode are alike and are held out together.
        steps: (N,) place of each frame in its episode, ascending there.
        load_images: index → camera → (H, W, 3) uint8 RGB, for the picture of mistakes.
    """

    features: Mapping[str, NDArray[np.float16]]
    labels: NDArray[np.bool_]
    episodes: NDArray[np.str_]
    steps: NDArray[np.int64]
    load_images: Callable[[int], Images] | None = None

    def __len__(self) -> int:
        """Return N."""
        return len(self.labels)


@dataclass(frozen=True)
class Memory:
    """Reduced frames that the heads learn from, small enough to keep.

    Attributes:
        frames: (N, D) float16, projected features of all cameras.
        labels: (N,) bool.
        folds: (N,) the head that never learns from the frame, or `ALL_HEADS`: none is spared.
        held_out: (N,) probability of success by heads that all knew nothing of the frame's
            episode, NaN where there are none.
    """

    frames: NDArray[np.float16]
    labels: NDArray[np.bool_]
    folds: NDArray[np.int64]
    held_out: NDArray[np.float64]

    def successes(self) -> NDArray[np.float16]:
        """Return the (M, D) frames of success."""
        return self.frames[self.labels]

    def joined(self, frames: NDArray[np.float16], labels: NDArray[np.bool_]) -> Self:
        """Return this memory with frames that every head may learn from."""
        folds = np.full(len(labels), ALL_HEADS)
        return type(self)(
            np.concatenate([self.frames, frames]),
            np.concatenate([self.labels, labels]),
            np.concatenate([self.folds, folds]),
            np.concatenate([self.held_out, np.full(len(labels), np.nan)]),
        )

    def without(self, fold: int) -> Self:
        """Return this memory without the frames of one fold."""
        kept = self.folds != fold
        return type(self)(**{name: array[kept] for name, array in self.arrays().items()})

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what the constructor needs, for a file."""
        return dict(vars(self))


def assign_folds(
    labels: NDArray[np.bool_], episodes: NDArray[np.str_], heads: int, seed: int
) -> NDArray[np.int64]:
    """Deal whole episodes out to the heads that will not see them.

    Episodes with a success are dealt first, then the others, so that each head misses its share
    of both kinds.

    Returns:
        (N,) in 0 … heads − 1; fewer heads when there are fewer episodes of a kind.

    Raises:
        DataError: too few episodes to hold any out.
    """
    names = np.unique(episodes)
    successful = np.array([labels[episodes == name].any() for name in names], bool)
    failing = sum(bool((~labels[episodes == name]).any()) for name in names)
    heads = min(heads, int(successful.sum()), failing)
    if heads < LEAST_EPISODES:
        raise DataError(
            f"success was seen in {int(successful.sum())} episodes and failure in {failing}: "
            "at least two of each are needed to judge a classifier on episodes it has not seen",
            hint="hilctl record-labels",
        )
    rng = np.random.default_rng(seed)
    folds = np.zeros(len(labels), np.int64)
    for kind in (successful, ~successful):
        for place, name in enumerate(rng.permutation(names[kind])):
            folds[episodes == name] = place % heads
    _check_both_classes(labels, folds)
    return folds


def _check_both_classes(labels: NDArray[np.bool_], folds: NDArray[np.int64]) -> None:
    for head in range(int(folds.max()) + 1):
        if len(np.unique(labels[folds != head])) < 2:
            raise DataError(
                "nearly all successes or all failures come from the same episode",
                hint="hilctl record-labels",
            )


def variety(frames: NDArray[Any], labels: NDArray[np.bool_], seed: int = 0) -> float | None:
    """Return how different failures are from one another, as a share of their way to success.

    The median distance between two failures over the median distance from a failure to a success:
    near 0 when all failures look alike, about 1 when they are as varied as can be.

    Args:
        frames: (N, ...) features or pictures.
        labels: (N,) True for success.

    Returns:
        None when there is nothing to compare.
    """
    rng = np.random.default_rng(seed)
    if (~labels).sum() < 2 or not labels.any():
        return None
    failures, successes = (_sample(frames[labels == kind], rng) for kind in (False, True))
    apart = distances(failures, failures)[np.triu_indices(len(failures), k=1)]
    away = float(np.median(distances(failures, successes)))
    return float(np.median(apart)) / away if away > 0 else 0.0


def _sample(frames: NDArray[Any], rng: np.random.Generator) -> NDArray[np.float32]:
    chosen = rng.permutation(len(frames))[:SAMPLE]
    return frames[chosen].reshape(len(chosen), frames[0].size).astype(np.float32)


def distances(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float32]:
    """Return the (len(a), len(b)) Euclidean distances between rows."""
    a, b = a.astype(np.float32), b.astype(np.float32)
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * (a @ b.T)
    return np.sqrt(np.maximum(squares, 0))


def what_is_missing(
    counts: Mapping[str, int], wanted: Mapping[str, int], varied: float | None
) -> str:
    """Return in words what labels still lack, or "" when nothing.

    Args:
        counts: "success" and "failure" → frames so far.
        wanted: the same → frames wanted.
        varied: `variety` of the frames.

    Example: `42 of 200 success; all failures look alike`.
    """
    lacks = [
        f"{counts.get(kind, 0)} of {want} {kind}"
        for kind, want in wanted.items()
        if counts.get(kind, 0) < want
    ]
    if varied is not None and varied < MIN_VARIETY:
        lacks.append("all failures look alike")
    return "; ".join(lacks)
