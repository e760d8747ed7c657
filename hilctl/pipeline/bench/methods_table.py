"""The table of `bench methods` in words, for terminals and pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hilctl.pipeline.bench.cells import DataResult

HEADER = (
    "task",
    "algorithm",
    "true success",
    "95 % over seeds",
    "time to success",
    "robot steps to 95 %",
    "robot min to 95 %",
    "robot steps",
    "human steps",
    "wall min",
)
LEGEND = (
    "True success of all seeds' greedy episodes, hands off; its 95 % interval is of the mean over "
    "all seeds there could be, of which these are a sample. 95 % counts 19 of 20 episodes of "
    "training without help, as a mean of the seeds that came there: so many of so many. Other "
    "figures are means over the seeds; wall time is one core's. Demonstrations, help and verdicts "
    "by the scripted operator, the same demonstrations for all algorithms of a task and seed."
)


def legend(data: Mapping[str, Sequence[DataResult]]) -> str:
    """Return what the columns are, and how well each seed's classifier sees success, by task."""
    seen = {
        task: ", ".join(f"{one.recognised} of {one.shown}" for one in found if one.shown)
        for task, found in data.items()
    }
    told = "; ".join(f"{task} {counts}" for task, counts in seen.items() if counts)
    return f"{LEGEND} Successes that classifiers recognised unseen: {told}." if told else LEGEND


def cells_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a row of a comparison as words, one a column of `HEADER`."""
    came, seeds = row["reached_95"], row["seeds"]
    some = "" if came == seeds else f" ({came} of {seeds})"
    return (
        row["task"],
        row["algorithm"],
        f"{row['true_successes']}/{row['episodes']}",
        "–" if row["ci95"] is None else "{:.0%} to {:.0%}".format(*row["ci95"]),
        _number(row["median_time_s"], ".1f", " s"),
        _number(row["steps_to_95"], ".0f", some),
        _number(row["robot_minutes_to_95"], ".1f", some),
        f"{row['robot_steps']:.0f}",
        f"{row['intervention_steps']:.0f}",
        f"{row['wall_minutes']:.1f}",
    )


def _number(value: float | None, form: str, unit: str) -> str:
    return "–" if value is None else f"{value:{form}}{unit}"
