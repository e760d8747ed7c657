"""How good a classifier is on episodes it has not seen, and where to put its threshold."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl.rewards.frames import LabelledFrames

SPARED_RECALL = 0.97  # share of held-out successes that are not missed
MIN_RECALL = 0.5  # below, a policy would mostly not be told that it succeeded
CURVE_POINTS = 100


@dataclass(frozen=True)
class Metrics:
    """Figures on held-out episodes, decided as in use: by the least convinced head.

    Attributes:
        accuracy, precision, recall: of single frames.
        false_positive_rate: share of failure frames over the threshold.
        false_claim_rate: share of failure frames that end a run of `consecutive` such frames, at
            which an episode would end with a reward.
        successes: "shown": stretches of at least `consecutive` frames of success; "recognised":
            those in which a run of that length is over the threshold.
        false_claims: runs that would end an episode with a reward at a failure frame.
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
    successes: dict[str, int]
    false_claims: int
    confusion: dict[str, int]
    frames: dict[str, int]
    folds: list[dict[str, int]]
    curve: list[tuple[float, float, float]]

    @property
    def recognised(self) -> float:
        """Share of the successes shown that would end an episode with a reward."""
        return _share(self.successes["recognised"], self.successes["shown"])

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
    positive: NDArray[np.bool_], stretches: NDArray[Any], consecutive: int
) -> NDArray[np.bool_]:
    """Return where a run of at least `consecutive` positives of one stretch stands.

    Args:
        positive: (N,) frame by frame, in order within each stretch.
        stretches: (N,) names of what a run must not leave, as `stretches_of` returns them.
        consecutive: length of a run, at least 1.
    """
    result = np.zeros(len(positive), bool)
    for name in np.unique(stretches):
        rows = np.flatnonzero(stretches == name)
        run = 0
        for row in rows:
            run = run + 1 if positive[row] else 0
            result[row] = run >= consecutive
    return result


def stretches_of(data: LabelledFrames) -> NDArray[np.int64]:
    """Return (N,) numbers of the stretches without a gap; frames without a label are gaps."""
    other = data.episodes[1:] != data.episodes[:-1]
    gap = np.diff(data.steps) != 1
    return np.concatenate([[0], np.cumsum(other | gap)]).astype(np.int64)


def measure(
    probability: NDArray[np.float64],
    data: LabelledFrames,
    folds: NDArray[np.int64],
    threshold: float,
    consecutive: int,
) -> Metrics:
    """Return the figures of held-out probabilities at a threshold."""
    positive, labels = probability >= threshold, data.labels
    stretches = stretches_of(data)
    claims = in_a_row(positive, stretches, consecutive)
    confusion = {
        "true_positive": int((positive & labels).sum()),
        "false_positive": int((positive & ~labels).sum()),
        "false_negative": int((~positive & labels).sum()),
        "true_negative": int((~positive & ~labels).sum()),
    }
    successes, failures = int(labels.sum()), int((~labels).sum())
    shown = _runs(labels, stretches, consecutive)
    return Metrics(
        accuracy=float((positive == labels).mean()),
        precision=_share(confusion["true_positive"], int(positive.sum())),
        recall=_share(confusion["true_positive"], successes),
        false_positive_rate=_share(confusion["false_positive"], failures),
        false_claim_rate=_share(int((claims & ~labels).sum()), failures),
        successes={
            "shown": len(shown),
            "recognised": sum(bool(claims[rows].any()) for rows in shown),
        },
        false_claims=sum(
            not labels[rows[consecutive - 1]] for rows in _runs(positive, stretches, consecutive)
        ),
        confusion=confusion,
        frames={"success": successes, "failure": failures},
        folds=[_fold(data, folds == head) for head in range(int(folds.max()) + 1)],
        curve=precision_recall(probability, labels),
    )


def _runs(
    flags: NDArray[np.bool_], stretches: NDArray[np.int64], least: int
) -> list[NDArray[np.intp]]:
    """Return the rows of each unbroken run of at least `least` flags within one stretch."""
    rows = np.flatnonzero(flags)
    broken = (np.diff(rows) != 1) | (np.diff(stretches[rows]) != 0)
    return [run for run in np.split(rows, np.flatnonzero(broken) + 1) if len(run) >= least]


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
