"""The journal of `bench methods`: what is to be run, and what each cell of it came to.

`plan.json` says what is compared, `results/` has a file for every cell that is finished and nothing
else does, so that whatever ends a comparison, its other cells are what is left to do.
"""

from __future__ import annotations

import fcntl
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from hilctl.errors import FolderBusyError, UsageError
from hilctl.task.files import os_errors, write_json_atomic
from hilctl.task.fingerprint import explain_difference
from hilctl.task.json_files import read_json
from hilctl.task.locks import locked
from hilctl.task.regular_files import open_lock

HINT = "move the folder away, or name another one with --dir"


class Plan(BaseModel):
    """What is compared.

    Attributes:
        tasks: name → template, or absolute path of a task folder.
        settings: name → all that the task file says; of tasks that were left out since, too.
        algorithms: names of them.
        seeds: of everything that is random.
        max_steps: robot steps of a training; it ends earlier when it meets its target.
        operator_steps: those of them in which the operator may be in charge; None = any number.
        episodes: of an evaluation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tasks: dict[str, str]
    settings: dict[str, dict[str, Any]] = {}
    algorithms: list[str]
    seeds: int = Field(ge=1)
    max_steps: int = Field(ge=1)
    operator_steps: int | None = Field(default=None, ge=0)
    episodes: int = Field(ge=1)

    def cells(self) -> list[Cell]:
        """Return all that is to be done: data first, and all of a seed before the next one."""
        return [
            Cell(task, seed, algorithm)
            for seed in range(self.seeds)
            for task in self.tasks
            for algorithm in (None, *self.algorithms)
        ]


@dataclass(frozen=True)
class Cell:
    """One training and its evaluation; without an algorithm, the data that they share."""

    task: str
    seed: int
    algorithm: str | None = None

    @property
    def name(self) -> str:
        """Its name in files."""
        return "_".join(filter(None, [self.task, f"seed{self.seed}", self.algorithm]))

    @property
    def data(self) -> Cell:
        """The cell that makes its data."""
        return Cell(self.task, self.seed)


class DataResult(BaseModel):
    """What all algorithms of a task and seed learn from.

    Attributes:
        demos: demonstrations.
        shown, recognised: of the poorest classifier: successes that it had not learnt from, and how
            many of them it saw; 0 without one.
    """

    demos: int = Field(ge=0)
    shown: int = Field(default=0, ge=0)
    recognised: int = Field(default=0, ge=0)


class CellResult(BaseModel):
    """What a cell came to.

    Attributes:
        robot_steps, trial_steps, intervention_steps: see `Progress`.
        robot_s, wall_s: seconds of training, on the robot's clock and on ours.
        steps_to_target, robot_s_to_target: until 95 % of 20 episodes succeeded in truth and without
            help; None = they never did.
        reached_target: a policy passed its trial.
        episodes, true_successes, median_time_s: of the evaluation.
        curve: robot steps, share of the last 20 episodes that succeeded without help, and share of
            their steps with a human in charge, after each episode.
    """

    robot_steps: int = Field(ge=0)
    trial_steps: int = Field(ge=0)
    intervention_steps: int = Field(ge=0)
    robot_s: FiniteFloat
    wall_s: FiniteFloat
    steps_to_target: int | None
    robot_s_to_target: FiniteFloat | None
    reached_target: bool
    episodes: int = Field(ge=1)
    true_successes: int = Field(ge=0)
    median_time_s: FiniteFloat | None
    curve: list[tuple[int, FiniteFloat, FiniteFloat]] = []


@dataclass(frozen=True)
class Journal:
    """The folder of a comparison.

    Attributes:
        root: the folder.
    """

    root: Path

    @contextmanager
    def open(self, plan: Plan) -> Iterator[None]:
        """Begin or go on with a comparison, alone in the folder.

        Raises:
            UsageError: something else lies there, or a comparison under other conditions, or the
                folder above is missing.
            FolderBusyError: another command is at work there.
        """
        if not self.root.parent.is_dir():
            parent = self.root.parent
            raise UsageError(f"no folder {parent}", hint=f"mkdir -p {shlex.quote(str(parent))}")
        with os_errors(self.root):
            if self.root.exists() and not self.root.is_dir():
                raise UsageError(f"{self.root} is no folder", hint=HINT)
            if self.root.is_dir() and any(self.root.iterdir()) and self.plan() is None:
                raise UsageError(f"{self.root} holds something else", hint=HINT)
            for folder in (self.root, self.data, self.cells, self._results, self._logs):
                folder.mkdir(exist_ok=True)
            descriptor = open_lock(self.root / ".lock")
            with open(descriptor, "rb") as _:
                try:
                    with locked(descriptor, fcntl.LOCK_EX):
                        self._begin(plan)
                        yield
                except BlockingIOError:
                    raise FolderBusyError(
                        "another comparison is at work here",
                        where=str(self.root),
                        hint="wait until it ends, or give another --dir",
                    ) from None

    def plan(self) -> Plan | None:
        """Return what is compared here, or None when nothing is yet."""
        return read_json(Plan, self.root / "plan.json", hint=HINT)

    @property
    def data(self) -> Path:
        """Task folders with demonstrations and labels, one a task and seed."""
        return self.root / "data"

    @property
    def cells(self) -> Path:
        """Task folders with a run, one a cell."""
        return self.root / "cells"

    @property
    def _results(self) -> Path:
        return self.root / "results"

    @property
    def _logs(self) -> Path:
        return self.root / "logs"

    def log(self, cell: Cell) -> Path:
        """Return the file that has what a cell's process said."""
        return self._logs / f"{cell.name}.txt"

    def is_done(self, cell: Cell) -> bool:
        """Return whether a cell is finished."""
        return self._file(cell).exists()

    def finish(self, cell: Cell, result: dict[str, Any]) -> None:
        """Keep what a cell came to, in one stroke."""
        write_json_atomic(self._file(cell), result)

    def result(self, cell: Cell) -> CellResult | None:
        """Return what a cell came to, or None when it is not finished.

        Raises:
            DataError: its file is damaged.
        """
        return read_json(CellResult, self._file(cell), hint="remove it: the cell is run again")

    def data_result(self, cell: Cell) -> DataResult | None:
        """Return what was recorded for the algorithms of a cell, or None when it is not finished.

        Raises:
            DataError: its file is damaged.
        """
        return read_json(DataResult, self._file(cell.data), hint="remove it: it is recorded again")

    def _file(self, cell: Cell) -> Path:
        return self._results / f"{cell.name}.json"

    def _begin(self, plan: Plan) -> None:
        settings = plan.settings
        if (before := self.plan()) is not None:
            _check_same(before, plan)
            settings = before.settings | settings
        kept = plan.model_copy(update={"settings": settings})
        write_json_atomic(self.root / "plan.json", kept.model_dump(mode="json"))


def _check_same(before: Plan, plan: Plan) -> None:
    for name in ("max_steps", "operator_steps", "episodes"):
        _same(name, getattr(before, name), getattr(plan, name))
    for task, source in plan.tasks.items():
        _same(f"task {task}", before.tasks.get(task, source), source)
        settings = plan.settings.get(task, {})
        changes = explain_difference(settings, before.settings.get(task, settings))
        if changes:
            raise UsageError(
                f"the task {task} has changed since it was begun there: " + "; ".join(changes),
                hint=HINT,
            )


def _same(what: str, there: Any, here: Any) -> None:
    if there != here:
        raise UsageError(f"{what}: {here} here, {there} in what was begun there", hint=HINT)
