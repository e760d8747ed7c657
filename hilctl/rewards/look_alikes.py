"""Find the failures of one episode that pass for success and keep a classifier blind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilctl.rewards.frames import LabelledFrames
from hilctl.rewards.metrics import choose_threshold, measure

MUCH = 0.3  # of all successes: what an episode must cost to be worth a person's look


@dataclass(frozen=True)
class LookAlike:
    """An episode whose frames labelled failure look so like success that they set the threshold.

    Attributes:
        episode: its file name.
        step: of the frame among them that looks most like success.
        shown: successes in all labels.
        recognised: those that pass the threshold that the other failures leave.
    """

    episode: str
    step: int
    shown: int
    recognised: int


def find_look_alike(
    held_out: NDArray[np.float64],
    data: LabelledFrames,
    folds: NDArray[np.int64],
    max_false_positive_rate: float,
    consecutive: int,
) -> LookAlike | None:
    """Return the episode whose failure frames alone cost `MUCH` of the successes shown, or None.

    Two such episodes hide each other: without either, the other one still sets the threshold.

    Args:
        held_out: (N,) probability of each frame of `data` by heads that knew nothing of its fold.
        folds: (N,) of the frames.
        max_false_positive_rate, consecutive: of the classifier.
    """

    def without(episode: str) -> dict[str, int]:
        kept = (data.episodes != episode) | data.labels
        threshold = choose_threshold(held_out[kept], data.labels[kept], max_false_positive_rate)
        return measure(held_out, data, folds, threshold, consecutive).successes

    suspects = np.unique(data.episodes[~data.labels & (held_out >= 0.5)])
    now, found = without(""), {str(episode): without(str(episode)) for episode in suspects}
    worst = max(found, key=lambda episode: found[episode]["recognised"], default="")
    if not worst or found[worst]["recognised"] - now["recognised"] < MUCH * max(1, now["shown"]):
        return None
    failures = np.flatnonzero((data.episodes == worst) & ~data.labels)
    step = int(data.steps[failures[held_out[failures].argmax()]])
    return LookAlike(worst, step, **found[worst])
