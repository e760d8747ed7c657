"""The page of one training run, made from what lies in its folder."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from hilctl.pipeline.page import write_report
from hilctl.pipeline.report.curves import draw_cadence, draw_learning
from hilctl.pipeline.report.run_summary import (
    damage,
    evaluation_of,
    read_run,
    training_table,
    troubles,
)
from hilctl.pipeline.run_folder.manifest import RunManifest, status_now
from hilctl.training.trial import ERROR, too_bad

PAGE = Path("report") / "report.html"


class _Training(BaseModel):
    target_success: float = Field(gt=0, le=1)


class _Task(BaseModel):
    """What the page tells of the task that a run was made with."""

    name: str
    training: _Training


def stopping_rule(target: float) -> str:
    """Return what it takes to pass a trial, and how sure that is.

    Args:
        target: share of successes to reach.
    """
    return (
        "Training ends when a policy passes a trial, greedy and without help. One that succeeds "
        f"{too_bad(target):.1%} of the time or less passes with a probability of at most "
        f"{ERROR:.0%} in the whole run, however often that is tried."
    )


def write_run_report(run: Path, *, at_work: bool = True) -> Path:
    """Write the page of a run, finished or not, and return its file.

    Args:
        run: its folder.
        at_work: whether a command is at work in its task folder.

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
    task, page = _task(manifest), run / PAGE
    write_report(
        page,
        title=f"{task.name}: run {run.name}" if task else f"run {run.name}",
        lead=f"Training {status_now(manifest, at_work=at_work)} after "
        f"{records[-1]['episodes']} episodes, "
        f"seed {manifest.seed}. {stopping_rule(task.training.target_success) if task else ''}",
        tables=[(heading, rows) for heading, rows in tables if rows],
        pictures=[("Learning", draw_learning(records)), ("Control", draw_cadence(records))],
    )
    return page


def _task(manifest: RunManifest) -> _Task | None:
    try:
        return _Task.model_validate(manifest.model_dump().get("spec"))
    except ValidationError:  # of an older version, or altered: the figures are there all the same
        return None
