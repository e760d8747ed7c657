"""`hilctl runs`: the training runs of a task side by side, the damaged ones named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from hilctl.errors import ComputerError, DataError
from hilctl.pipeline.report.run_summary import EvaluationFigures
from hilctl.pipeline.run_folder.best import BEST
from hilctl.pipeline.run_folder.manifest import (
    KeptPolicy,
    RunManifest,
    kept_policy,
    measured_before,
    read_manifest,
    run_manifest,
    status_now,
)
from hilctl.pipeline.run_folder.metrics_log import Record, read_metrics
from hilctl.pipeline.run_folder.run import CHECKPOINTS
from hilctl.task.json_files import first_flaw
from hilctl.task.workspace import RUN_ID_FORMAT, Workspace

T = TypeVar("T")


class RunFigures(BaseModel):
    """What a run's last line of figures tells, or its manifest where there is none."""

    model_config = ConfigDict(extra="ignore")

    episodes: int = Field(default=0, ge=0)
    robot_steps: int = Field(default=0, ge=0)
    intervention_steps: int = Field(default=0, ge=0)
    vetoes: int = Field(default=0, ge=0)
    trials: int = Field(default=0, ge=0)
    robot_s: FiniteFloat = 0.0
    autonomous_success_last20: FiniteFloat = 0.0


@dataclass(frozen=True)
class RunOverview:
    """One training run in a line.

    Attributes:
        id: its folder's name.
        started: when; None where neither manifest nor name tell.
        status: as in its manifest; "interrupted" of one that says "running" while nobody is at
            work here, "damaged" where its manifest cannot be read.
        reached: whether a policy passed its trial.
        figures: how far it got.
        measured: what its evaluation found; `measured_before` names the policy if it is not the
            last one.
        last, best: the policies that are kept.
        spec: the task file it was made with, as plain JSON; empty where it is not known.
        problems: what of it cannot be read, in words.
    """

    id: str
    started: datetime | None
    status: str
    reached: bool
    figures: RunFigures
    measured: EvaluationFigures | None
    measured_before: str
    last: KeptPolicy | None
    best: KeptPolicy | None
    spec: dict[str, Any]
    problems: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        kept = {key: asdict_of(value) for key, value in (("last", self.last), ("best", self.best))}
        started = self.started.isoformat(timespec="seconds") if self.started else None
        own = {"id": self.id, "started": started, "status": self.status, "reached": self.reached}
        return {
            **own,
            **self.figures.model_dump(),
            "evaluation": asdict_of(self.measured),
            "measured_before": self.measured_before or None,
            **kept,
            "problems": list(self.problems),
        }


def list_runs(workspace: Workspace) -> list[RunOverview]:
    """Return all runs of a task folder, oldest first.

    Raises:
        ComputerError: the computer could not read one; nothing is known of it.
    """
    at_work = workspace.owner() is not None
    return [overview(run, at_work=at_work) for run in workspace.all_runs()]


def overview(run: Path, *, at_work: bool = False) -> RunOverview:
    """Return what can be read of a run's folder.

    Args:
        run: the folder.
        at_work: whether a command is at work in its task folder.

    Raises:
        ComputerError: the computer could not read it.
    """
    problems: list[str] = []

    def read(part: Callable[[], T], otherwise: T) -> T:
        try:
            return part()
        except ComputerError:
            raise
        except (DataError, OSError) as error:
            problems.append(getattr(error, "message", str(error)))
            return otherwise

    manifest = read(lambda: run_manifest(run), None)
    nothing: tuple[list[Record], int] = ([], 0)
    records, lines = read(lambda: read_metrics(run), nothing)
    if lines:
        problems.append(f"metrics.jsonl: {lines} damaged lines")
    if manifest is None and not problems:
        problems.append("there is no manifest.json")
    figures = records[-1] if records else manifest.progress if manifest else {}
    measured = read(lambda: read_manifest(EvaluationFigures, run / "eval.json"), None)
    return RunOverview(
        id=run.name,
        started=_started(run.name, manifest),
        status=status_now(manifest, at_work=at_work) if manifest else "damaged",
        reached=bool(manifest and manifest.reached_target),
        figures=read(lambda: _figures(figures), RunFigures()),
        measured=measured,
        measured_before=measured_before(measured.checkpoint, run / CHECKPOINTS) if measured else "",
        last=read(lambda: kept_policy(run / CHECKPOINTS), None),
        best=read(lambda: kept_policy(run / CHECKPOINTS / BEST), None),
        spec=_spec(manifest),
        problems=tuple(problems),
    )


def asdict_of(found: BaseModel | None) -> dict[str, Any] | None:
    """Return what was read as plain JSON, if it was there; without what only machines read."""
    if found is None:
        return None
    return found.model_dump(include=set(type(found).model_fields), mode="json")


def _figures(figures: dict[str, Any]) -> RunFigures:
    try:
        return RunFigures.model_validate(figures)
    except ValidationError as error:
        raise DataError(f"progress: {first_flaw(error)}") from None


def _started(name: str, manifest: RunManifest | None) -> datetime | None:
    """Return when a run was begun, in local time: its manifest says, or its name does."""
    first = manifest.parts[0].get("started") if manifest and manifest.parts else None
    for parse in (
        lambda: datetime.fromisoformat(str(first)).astimezone().replace(tzinfo=None),
        lambda: datetime.strptime(name, RUN_ID_FORMAT),
    ):
        try:
            return parse()
        except (ValueError, OverflowError):
            continue
    return None


def _spec(manifest: RunManifest | None) -> dict[str, Any]:
    spec = manifest.model_dump(mode="json").get("spec") if manifest else None
    return spec if isinstance(spec, dict) else {}
