"""A run on one page: how it learnt, what the classifier is worth, how good the policy is."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from matplotlib.figure import Figure

from hilctl.task.files import write_text_atomic

WINDOW = 20
FEWEST = 5  # episodes whose mean says something

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title><style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse } td, th { padding: .2rem .8rem; border-bottom: 1px solid #ddd }
th { text-align: left; font-weight: 500 } img, video { max-width: 100%; margin: 1rem 0 }
</style></head><body>
<h1>{{ title }}</h1>
<p>{{ lead }}</p>
{% for heading, rows in tables %}<h2>{{ heading }}</h2><table>
{% for name, value in rows %}<tr><th>{{ name }}</th><td>{{ value }}</td></tr>
{% endfor %}</table>{% endfor %}
{% for heading, picture in pictures %}<h2>{{ heading }}</h2>
<img alt="{{ heading }}" src="data:image/png;base64,{{ picture }}">{% endfor %}
{% for heading, film in films %}<h2>{{ heading }}</h2>
<video controls loop muted src="data:video/mp4;base64,{{ film }}"></video>{% endfor %}
</body></html>
"""


def write_report(
    path: Path,
    *,
    title: str,
    lead: str,
    tables: Sequence[tuple[str, Mapping[str, Any]]],
    pictures: Sequence[tuple[str, bytes]],
    films: Sequence[tuple[str, bytes]] = (),
) -> None:
    """Write a self-contained HTML page.

    Args:
        path: the file.
        title, lead: heading and first paragraph.
        tables: heading and name → value, in order.
        pictures: heading and PNG bytes, in order.
        films: heading and MP4 bytes, in order.

    Raises:
        HilctlError: the disk is full or the folder cannot be written.
    """
    template = jinja2.Environment(autoescape=True).from_string(PAGE)
    page = template.render(
        title=title,
        lead=lead,
        tables=[(heading, list(rows.items())) for heading, rows in tables],
        pictures=_encoded(pictures),
        films=_encoded(films),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomic(path, page)


def _encoded(items: Sequence[tuple[str, bytes]]) -> list[tuple[str, str]]:
    return [(heading, base64.b64encode(content).decode()) for heading, content in items]


def draw_learning(records: Sequence[Mapping[str, Any]]) -> bytes:
    """Return a PNG of success, help, episode time and value over robot steps."""
    steps = np.array([r["robot_steps"] for r in records])
    success = np.array([r["outcome"] == "success" for r in records], float)
    # of all episodes: those that were helped are those in which the policy failed
    alone = success * [r["judged_success"] and not r["episode_interventions"] for r in records]
    figure = Figure(figsize=(10, 6), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True)
    _curve(axes[0, 0], steps, success, "with or without help", "tab:orange")
    _curve(axes[0, 0], steps, alone, "without help", "tab:green")
    axes[0, 0].set(ylabel=f"success, up to the last {WINDOW}", ylim=(-0.03, 1.03))
    axes[0, 0].legend(loc="upper left")
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
