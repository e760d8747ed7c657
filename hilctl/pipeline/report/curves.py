"""The curves of a run: how it learnt, and how well it kept its control rate."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

WINDOW = 20
FEWEST = 5  # episodes whose mean says something


def draw_learning(records: Sequence[Mapping[str, Any]]) -> bytes:
    """Return a PNG of success, help, episode time and value over robot steps."""
    # an episode that was cut short says nothing of the policy; in the figures it does not count
    ended = [r for r in records if r["outcome"] != "aborted"]
    steps, ends = ([r["robot_steps"] for r in some] for some in (records, ended))
    success = np.array([r["outcome"] == "success" for r in ended], float)
    # of all of these: those that were helped are those in which the policy failed
    alone = success * [r["judged_success"] and not r["episode_interventions"] for r in ended]
    figure = Figure(figsize=(10, 6), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True)
    _curve(axes[0, 0], ends, success, "with or without help", "tab:orange")
    _curve(axes[0, 0], ends, alone, "without help", "tab:green")
    axes[0, 0].set(ylabel=f"success, up to the last {WINDOW}", ylim=(-0.03, 1.03))
    axes[0, 0].legend(loc="lower right")
    rate = [r["intervention_rate_last20"] for r in records]
    axes[0, 1].plot(steps, rate, color="tab:orange")
    axes[0, 1].set(ylabel=f"human in charge, last {WINDOW}", ylim=(-0.03, 1.03))
    axes[1, 0].plot(steps, [r["episode_steps"] for r in records], ".", color="tab:blue", ms=4)
    axes[1, 0].set(ylabel="steps of an episode", xlabel="robot steps", ylim=(0, None))
    valued = [r for r in records if "q" in r]
    axes[1, 1].plot([r["robot_steps"] for r in valued], [r["q"] for r in valued], color="tab:red")
    axes[1, 1].set(ylabel="mean Q of a batch", xlabel="robot steps")
    return _png(figure)


def draw_cadence(records: Sequence[Mapping[str, Any]]) -> bytes:
    """Return a PNG of late control periods, and of how far learner and policy are behind."""
    steps = [r["robot_steps"] for r in records]
    figure = Figure(figsize=(10, 3), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True)
    left.plot(steps, [r["late_periods"] for r in records], color="tab:red")
    left.set(ylabel="control periods > 2 ms late, in all", xlabel="robot steps", ylim=(0, None))
    right.plot(steps, [r["lag_steps"] for r in records], label="learner, robot steps")
    right.plot(steps, [r["policy_age"] for r in records], label="policy, updates")
    right.set(ylabel="behind by", xlabel="robot steps", ylim=(0, None))
    right.legend(loc="upper left")
    return _png(figure)


def _png(figure: Figure) -> bytes:
    for axis in figure.axes:
        axis.grid(alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _curve(axis: Any, steps: Any, success: Any, label: str, colour: str) -> None:
    """Plot the mean of up to the last `WINDOW` episodes, as soon as there are `FEWEST`."""
    ends = np.arange(FEWEST, len(success) + 1)
    starts = np.maximum(ends - WINDOW, 0)
    sums = np.concatenate([[0.0], np.cumsum(success)])
    rolling = (sums[ends] - sums[starts]) / (ends - starts)
    axis.plot(steps[FEWEST - 1 :], rolling, label=label, color=colour, marker=".", ms=3)
