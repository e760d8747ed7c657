"""What `bench methods` leaves in its folder for people: a table, and a page with curves."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from hilctl.pipeline.bench.algorithms import find_algorithm
from hilctl.pipeline.bench.methods import Comparison, Results
from hilctl.pipeline.bench.methods_table import HEADER, cells_of, legend
from hilctl.pipeline.page import write_report
from hilctl.task.files import write_json_atomic, write_text_atomic

TABLE, FIGURES, PAGE = "methods.md", "methods.json", "methods.html"


def write_comparison(folder: Path, comparison: Comparison) -> Path:
    """Write table, figures and page of a comparison, and return the page's file.

    Raises:
        HilctlError: the disk is full or the folder cannot be written.
    """
    rows = [cells_of(row) for row in comparison.rows]
    write_json_atomic(folder / FIGURES, comparison.as_dict())
    write_text_atomic(folder / TABLE, markdown(HEADER, rows) + f"\n{legend(comparison.data)}\n")
    plan = comparison.plan
    budget = "as much as they like" if plan.operator_steps is None else f"{plan.operator_steps}"
    conditions = {
        "robot steps, at most, but for the end of an episode": plan.max_steps,
        "steps with a human in charge, at most": budget,
        "seeds": plan.seeds,
        "episodes of an evaluation": plan.episodes,
    }
    about = {name: find_algorithm(name).about for name in plan.algorithms}
    tables: list[tuple[str, Mapping[str, Any]]] = [
        ("Conditions", conditions),
        ("Algorithms", about),
    ]
    if comparison.failed:
        tables.append(("Failed", comparison.failed))
    pictures = [(task, draw_task(task, comparison.results)) for task in plan.tasks]
    write_report(
        folder / PAGE,
        title="Methods compared",
        lead=legend(comparison.data),
        tables=tables,
        pictures=pictures,
        grids=[("What they came to", HEADER, rows)],
    )
    return folder / PAGE


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def draw_task(task: str, results: Results) -> bytes:
    """Return a PNG of success and help over robot steps: a line a seed, a colour an algorithm."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True)
    left.set(ylabel="success without help, last 20", xlabel="robot steps", ylim=(-0.03, 1.03))
    right.set(ylabel="human in charge, last 20", xlabel="robot steps", ylim=(-0.03, 1.03))
    curves = {
        algorithm: [one.curve for one in found if one.curve]
        for (of, algorithm), found in results.items()
        if of == task
    }
    for i, (algorithm, seeds) in enumerate(curves.items()):
        for number, points in enumerate(seeds):
            steps, success, help_ = zip(*points, strict=True)
            label = algorithm if number == 0 else None
            left.plot(steps, success, color=f"C{i % 10}", alpha=0.7, label=label)
            right.plot(steps, help_, color=f"C{i % 10}", alpha=0.7, label=label)
    if any(curves.values()):
        left.legend(loc="lower right")
    for axis in (left, right):
        axis.grid(alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
