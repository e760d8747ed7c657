"""`hilctl bench methods`: algorithms on the same tasks, data and operator's budget, over seeds."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from hilctl.errors import BelowBarError, UsageError
from hilctl.pipeline.bench.algorithms import changed, find_algorithm
from hilctl.pipeline.bench.cell_process import command
from hilctl.pipeline.bench.cells import CellResult, DataResult, Journal, Plan
from hilctl.pipeline.bench.cores import held_cores
from hilctl.pipeline.bench.workers import Workers
from hilctl.pipeline.evaluate.statistics import interval_over_seeds
from hilctl.pipeline.events import Report, ShouldStop, never, silent
from hilctl.task import scaffold
from hilctl.task.load import TASK_FILE, as_written, flaws_in
from hilctl.task.spec import TaskSpec
from hilctl.task.workspace import Workspace

Results = Mapping[tuple[str, str], Sequence[CellResult]]  # by task and algorithm, one a seed


@dataclass(frozen=True)
class Comparison:
    """What was found so far.

    Attributes:
        plan: what is compared.
        results: of the cells that are finished.
        failed: why others failed, by name.
        data: what the algorithms of a task learnt from, one a seed.
    """

    plan: Plan
    results: Results
    failed: Mapping[str, str]
    data: Mapping[str, Sequence[DataResult]] = field(default_factory=dict)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row a task and algorithm, over its seeds, where any is finished."""
        return [
            {"task": task, "algorithm": algorithm, **summary(found)}
            for (task, algorithm), found in self.results.items()
            if found
        ]

    def check(self) -> None:
        """Check that no cell failed.

        Raises:
            BelowBarError: some did.
        """
        if self.failed:
            raise BelowBarError(
                f"{len(self.failed)} of {len(self.plan.cells())} cells failed, see above",
                hint="mend what they say; the same command tries them again",
            )

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "operator": "scripted operator",
            "plan": self.plan.model_dump(exclude={"settings"}),
            "methods": self.rows,
            "failed": dict(self.failed),
            "data": {
                task: [one.model_dump(mode="json") for one in found]
                for task, found in self.data.items()
            },
            "cells": [
                {"task": task, "algorithm": algorithm, **one.model_dump(mode="json")}
                for (task, algorithm), found in self.results.items()
                for one in found
            ],
        }


def planned(
    tasks: Sequence[str],
    algorithms: Sequence[str],
    *,
    seeds: int,
    max_steps: int,
    operator_steps: int | None,
    episodes: int,
) -> Plan:
    """Return what is to be compared, once it is known that all of it can be.

    Args:
        tasks: names of templates, or task folders.
        algorithms: names of them.
        seeds: how many.
        max_steps, operator_steps, episodes: see `Plan`.

    Raises:
        UsageError: no such template, folder or algorithm, one of them twice, or an algorithm that
            does not go with a task.
        TaskFileError: a folder's task file is wrong.
    """
    sources: dict[str, str] = {}
    for task in tasks:
        name, source = _source(task)
        if name in sources:
            raise UsageError(f"the task {name} is named twice")
        sources[name] = source
    if len({*algorithms}) < len(algorithms):
        raise UsageError(f"an algorithm is named twice: {', '.join(algorithms)}")
    specs = {name: spec_of(source) for name, source in sources.items()}
    for algorithm in algorithms:
        chosen = find_algorithm(algorithm)
        for name, spec in specs.items():
            if flaws := flaws_in(changed(spec, chosen).model_dump(mode="json")):
                why = "; ".join(flaws)
                hint = "leave out the one or the other"
                raise UsageError(f"{algorithm} on the task {name}: {why}", hint=hint)
    return Plan(
        tasks=sources,
        settings={name: as_written(spec.model_dump(mode="json")) for name, spec in specs.items()},
        algorithms=[*algorithms],
        seeds=seeds,
        max_steps=max_steps,
        operator_steps=operator_steps,
        episodes=episodes,
    )


def _source(task: str) -> tuple[str, str]:
    """Return a task's name, and its template's or its folder's absolute path."""
    if (Path(task) / TASK_FILE).is_file():
        folder = Path(task).resolve()
        return folder.name, str(folder)
    if os.sep in task:
        hint = "name a template, or a folder that has one"
        raise UsageError(f"no {TASK_FILE} in {task}", hint=hint)
    return task, scaffold.find_template(task).name


def spec_of(source: str) -> TaskSpec:
    """Return what a task folder, or what is made of a template, says.

    Raises:
        UsageError: there is no such template.
        TaskFileError: the task file is wrong.
    """
    if os.path.isabs(source):
        return Workspace(Path(source)).spec
    return scaffold.task_of(scaffold.find_template(source))


def compare_methods(
    folder: Path,
    plan: Plan,
    *,
    workers: int,
    limit_s: float,
    report: Report = silent,
    stop: ShouldStop = never,
) -> Comparison:
    """Run what is left of a comparison, and return all that was found.

    Finished cells are not run again. A training that was cut off, even by `kill -9`, goes on where
    it was; an evaluation and a recording begin anew. A cell that failed is tried once each time.

    Args:
        folder: made, or one of an earlier part of the same comparison.
        plan: what is compared.
        workers: processes, of one core each.
        limit_s: of one cell.
        report: told of every cell.
        stop: True ends all processes; what was found so far is returned.

    Raises:
        UsageError: the folder holds something else, or other conditions, or a task has changed.
        FolderBusyError: another comparison is at work there.
    """
    journal = Journal(folder.resolve())
    available = sorted(os.sched_getaffinity(0))
    with journal.open(plan), held_cores(available, workers) as cores:
        crew = Workers(
            journal,
            partial(command, journal),
            cores=cores,
            limit_s=limit_s,
            report=report,
            stop=stop,
        )
        crew.work(plan.cells())
        failed = {cell.name: why for cell, why in crew.failed.items()}
        return Comparison(plan, gathered(journal, plan), failed, recorded(journal, plan))


def gathered(journal: Journal, plan: Plan) -> Results:
    """Return the results of all cells of a plan that are finished."""
    results: dict[tuple[str, str], list[CellResult]] = {
        (task, algorithm): [] for task in plan.tasks for algorithm in plan.algorithms
    }
    for cell in plan.cells():
        if cell.algorithm is not None and (found := journal.result(cell)) is not None:
            results[cell.task, cell.algorithm].append(found)
    return results


def recorded(journal: Journal, plan: Plan) -> dict[str, list[DataResult]]:
    """Return what was recorded for a plan, by task, one a seed."""
    data: dict[str, list[DataResult]] = {task: [] for task in plan.tasks}
    for cell in plan.cells():
        if cell.algorithm is None and (found := journal.data_result(cell)) is not None:
            data[cell.task].append(found)
    return data


def summary(found: Sequence[CellResult]) -> dict[str, Any]:
    """Return one row over seeds: counts of all, means of the rest.

    Steps and minutes to 95 % are means of the seeds that came there; `reached_95` says how many.
    The interval is of the mean success over all seeds there could be, see `interval_over_seeds`.
    """
    there = [one for one in found if one.steps_to_target is not None]
    successes = [one.true_successes for one in found]
    return {
        "seeds": len(found),
        "true_successes": sum(successes),
        "episodes": sum(one.episodes for one in found),
        "ci95": interval_over_seeds(successes, found[0].episodes),
        "median_time_s": _mean([one.median_time_s for one in found]),
        "reached_95": len(there),
        "steps_to_95": _mean([one.steps_to_target for one in there]),
        "robot_minutes_to_95": _mean([(one.robot_s_to_target or 0) / 60 for one in there]),
        "robot_steps": fmean(one.robot_steps for one in found),
        "trial_steps": fmean(one.trial_steps for one in found),
        "robot_minutes": fmean(one.robot_s / 60 for one in found),
        "intervention_steps": fmean(one.intervention_steps for one in found),
        "wall_minutes": fmean(one.wall_s / 60 for one in found),
        "reached_target": sum(one.reached_target for one in found),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
