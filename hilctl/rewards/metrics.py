"""How good a classifier is on episodes it has not seen, and where to put its threshold."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl.rewards.frames import LabelledFrames

SPARED_RECALL = 0.97  # share of held-out successes that are not missed
CURVE_POINTS = 100


@dataclass(frozen=True)
class Metrics:
    """Figures on held-out episodes.

    Attributes:
        accuracy, precision, recall: of single frames.
        false_positive_rate: share of failure frames over the threshold.
        false_claim_rate: share of failure frames that end a run of `consecutive` such frames.
        confusion: true and false positives and negatives, in frames.
        frames: "success" and "failure" → how many.
        folds: what each head was judged on and never learnt from: episodes, success, failure.
        curve: precision-recall curve as (threshold, precision, recall).
    """

    accuracy: float
    precision: float
    recall: float
    false_positive_rate: float
    false_claim_rate: float
    confusion: dict[str, int]
    frames: dict[str, int]
    folds: list[dict[str, int]]
    curve: list[tuple[float, float, float]]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return asdict(self)


def choose_threshold(
    probability: NDArray[np.float64], labels: NDArray[np.bool_], max_false_positive_rate: float
) -> float:
    """Return the probability from which on a frame counts as success.

    At least high enough for the false-positive rate asked for. Where the classes lie well apart,
    higher, because the frames that a policy will find in the gap are not successes: half way, in
    log-odds, to where successes would begin to be missed. All the way up there, the successes of a
    policy, which differ a little from the labelled ones, were missed in 40 episodes on end.
    """
    lowest = lowest_threshold(probability, labels, max_false_positive_rate)
    spared = np.quantile(probability[labels], 1 - SPARED_RECALL, method="lower")
    ends = np.clip([lowest, max(lowest, spared)], 0.5, 1 - 1e-9)
    log_odds = np.mean(np.log(ends) - np.log1p(-ends))
    return float(max(lowest, 1 / (1 + np.exp(-log_odds))))


def lowest_threshold(
    probability: NDArray[np.float64], labels: NDArray[np.bool_], max_false_positive_rate: float
) -> float:
    """Return the least threshold that keeps the false-positive rate, never under one half."""
    failures = np.sort(probability[~labels])[::-1]
    allowed = int(max_false_positive_rate * len(failures))
    return float(max(np.nextafter(failures[allowed], 2.0), 0.5))


def in_a_row(
    positive: NDArray[np.bool_], episodes: NDArray[np.str_], consecutive: int
) -> NDArray[np.bool_]:
    """Return where a run of at least `consecutive` positives of one episode stands.

    Args:
        positive: (N,) frame by frame, in order within each episode.
        episodes: (N,) names.
        consecutive: length of a run, at least 1.
    """
    result = np.zeros(len(positive), bool)
    for name in np.unique(episodes):
        rows = np.flatnonzero(episodes == name)
        run = 0
        for row in rows:
            run = run + 1 if positive[row] else 0
            result[row] = run >= consecutive
    return result


def measure(
    probability: NDArray[np.float64],
    data: LabelledFrames,
    folds: NDArray[np.int64],
    threshold: float,
    consecutive: int,
) -> Metrics:
    """Return the figures of held-out probabilities at a threshold."""
    positive, labels = probability >= threshold, data.labels
    claims = in_a_row(positive, data.episodes, consecutive)
    confusion = {
        "true_positive": int((positive & labels).sum()),
        "false_positive": int((positive & ~labels).sum()),
        "false_negative": int((~positive & labels).sum()),
        "true_negative": int((~positive & ~labels).sum()),
    }
    successes, failures = int(labels.sum()), int((~labels).sum())
    return Metrics(
        accuracy=float((positive == labels).mean()),
        precision=_share(confusion["true_positive"], int(positive.sum())),
        recall=_share(confusion["true_positive"], successes),
        false_positive_rate=_share(confusion["false_positive"], failures),
        false_claim_rate=_share(int((claims & ~labels).sum()), failures),
        confusion=confusion,
        frames={"success": successes, "failure": failures},
        folds=[_fold(data, folds == head) for head in range(int(folds.max()) + 1)],
        curve=precision_recall(probability, labels),
    )


def precision_recall(
    probability: NDArray[np.float64], labels: NDArray[np.bool_]
) -> list[tuple[float, float, float]]:
    """Return at most `CURVE_POINTS` points (threshold, precision, recall), recall rising."""
    order = np.argsort(-probability, kind="stable")
    hits = np.cumsum(labels[order])
    last_of_ties = np.flatnonzero(np.diff(probability[order], append=-1.0))
    picked = last_of_ties[
        np.unique(np.linspace(0, len(last_of_ties) - 1, CURVE_POINTS).astype(int))
    ]
    return [
        (
            float(probability[order][row]),
            float(hits[row] / (row + 1)),
            _share(int(hits[row]), int(hits[-1])),
        )
        for row in picked
    ]


def _fold(data: LabelledFrames, held: NDArray[np.bool_]) -> dict[str, int]:
    success = int(data.labels[held].sum())
    return {
        "episodes": len(np.unique(data.episodes[held])),
        "success": success,
        "failure": int(held.sum()) - success,
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
