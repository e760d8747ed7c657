"""The page of one training run, made from what lies in its folder."""

from __future__ import annotations

from pathlib import Path

from hilctl.pipeline.report import draw_cadence, draw_learning, write_report
from hilctl.pipeline.run_summary import (
    damage,
    evaluation_of,
    read_run,
    training_table,
    troubles,
)

PAGE = Path("report") / "report.html"


def write_run_report(run: Path) -> Path:
    """Write the page of a run, finished or not, and return its file.

    Raises:
        MissingStageError: there is no such run, or it has no episode yet.
        HilctlError: the disk is full or the folder cannot be written.
    """
    manifest, records = read_run(run)
    tables = [
        ("Evaluation", evaluation_of(run)),
        ("Training", training_table(records[-1])),
        ("Found on the way", troubles(records) | damage(run)),
    ]
    spec = manifest.model_dump().get("spec")
    name = spec.get("name", "") if isinstance(spec, dict) else ""
    page = run / PAGE
    write_report(
        page,
        title=f"{name}: run {run.name}",
        lead=f"Training {manifest.status} after {records[-1]['episodes']} episodes, "
        f"seed {manifest.seed}.",
        tables=[(heading, rows) for heading, rows in tables if rows],
        pictures=[("Learning", draw_learning(records)), ("Control", draw_cadence(records))],
    )
    return page
