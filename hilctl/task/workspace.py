"""Every path of a task folder, and who may write there."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Self

from hilctl.errors import FolderBusyError, MissingStageError, TaskFileError
from hilctl.task.files import explain_os_error
from hilctl.task.json_files import parse_json
from hilctl.task.leftovers import is_running, sweep
from hilctl.task.load import TASK_FILE, load_task
from hilctl.task.locks import locked
from hilctl.task.measured import with_measured
from hilctl.task.regular_files import open_lock, read_regular
from hilctl.task.spec import TaskSpec

LOCK_BYTES = 4096
RUN_ID_FORMAT = "%Y%m%d-%H%M%S"


@dataclass(frozen=True)
class FolderOwner:
    """The process that writes to a task folder."""

    pid: int
    command: str

    @property
    def description(self) -> str:
        """The command and its process, in words."""
        return f"`hilctl {self.command}` (process {self.pid})"

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return is_running(self.pid)


class Workspace:
    """A task folder.

    Args:
        root: the folder that holds `task.yaml`.
        spec: used instead of the one in the file, for comparisons on the same data.
    """

    def __init__(self, root: Path, spec: TaskSpec | None = None) -> None:
        if spec is not None:
            self.spec = spec
        self.root = root
        self.task_file = root / TASK_FILE
        self.calibration = root / "calibration"
        self.demos = root / "demos"
        self.labels = root / "labels"
        self.classifier = root / "classifier"
        self.runs = root / "runs"
        self.lock_file = root / ".hilctl.lock"

    @classmethod
    def find(cls, task: Path | None) -> Self:
        """Return the folder asked for, or the current one.

        Args:
            task: folder or task file given by the person; None = the current folder.

        Raises:
            TaskFileError: there is no task file.
        """
        root = task if task is not None else Path()
        if root.is_file() and root.name == TASK_FILE:
            root = root.parent
        if (root / TASK_FILE).is_file():
            return cls(root)
        where = "the current folder" if task is None else str(task)
        reason = f"there is no {TASK_FILE} in {where}" if root.is_dir() else f"no folder {where}"
        if (root / TASK_FILE).exists():
            reason = f"{TASK_FILE} in {where} is no file"
        raise TaskFileError(reason, where=str(root / TASK_FILE), hint=_another_place(root))

    def fresh(self) -> Workspace:
        """Return this folder as it is now: its spec is read again."""
        return Workspace(self.root)

    def with_weights(self, weights: Path | None) -> Workspace:
        """Return this folder with another weights file for the encoder; None = the task's own."""
        if weights is None:
            return self
        spec = self.spec
        changes = {}
        for section in ("reward", "agent"):
            block = getattr(spec, section)
            if "weights" in type(block.options).model_fields:
                options = block.options.model_copy(update={"weights": str(weights.resolve())})
                changes[section] = block.model_copy(update={"options": options})
        return Workspace(self.root, spec=spec.model_copy(update=changes))

    @cached_property
    def spec(self) -> TaskSpec:
        """The task with what was measured for it, read once.

        Raises:
            TaskFileError: unreadable or wrong.
            DataError: what was measured is damaged.
        """
        return with_measured(load_task(self.task_file), self.calibration)

    def command(self, verb: str) -> str:
        """Return the command line for a verb that works from where the person is."""
        if self.root.resolve() == Path.cwd():
            return f"hilctl {verb}"
        return f"hilctl {verb} --task {shlex.quote(str(self.root))}"

    def run(self, run_id: str) -> Path:
        """Return the folder of a training run."""
        return self.runs / run_id

    def new_run_id(self, now: datetime) -> str:
        """Return a run id that sorts after all earlier ones, even if the clock was set back."""
        for run in self.all_runs():
            with contextlib.suppress(ValueError):
                now = max(now, datetime.strptime(run.name, RUN_ID_FORMAT) + timedelta(seconds=1))
        return now.strftime(RUN_ID_FORMAT)

    def all_runs(self) -> list[Path]:
        """Return the folders of all training runs, oldest first."""
        if not self.runs.is_dir():
            return []
        return sorted(run for run in self.runs.iterdir() if run.is_dir())

    def latest_run(self) -> Path | None:
        """Return the folder of the newest run with a policy, else of the newest, or None."""
        runs = self.all_runs()
        trained = [run for run in runs if any((run / "checkpoints").glob("*.json"))]
        return max(trained or runs, default=None)

    def existing_run(self, run_id: str | None) -> Path:
        """Return the folder of a run that a person names; None = the latest.

        Raises:
            MissingStageError: there is none, or none of that name.
        """
        runs = {path.name: path for path in self.all_runs()}
        run = self.latest_run() if run_id is None else runs.get(run_id)
        if run is not None:
            return run
        known = ", ".join(runs)
        raise MissingStageError(
            "there is no training run" if run_id is None else f"there is no run {run_id}",
            where=str(self.runs),
            hint=f"runs: {known}" if known else self.command("train"),
        )

    @contextlib.contextmanager
    def lock(self, command: str) -> Iterator[None]:
        """Keep other commands from writing to the folder; the kernel frees it on death.

        Args:
            command: verb shown to whoever comes second.

        Raises:
            FolderBusyError: another command holds the folder.
            HilctlError: the folder cannot be written.
        """
        try:
            descriptor = open_lock(self.lock_file)
        except OSError as error:
            # a person knows the folder; the file, where another user has left it
            to_blame = self.lock_file if self.lock_file.exists() else self.root
            raise explain_os_error(OSError(error.errno, error.strerror), to_blame) from error
        with contextlib.ExitStack() as held:
            held.callback(os.close, descriptor)
            try:
                held.enter_context(locked(descriptor, fcntl.LOCK_EX))
            except BlockingIOError:
                raise self._busy() from None
            owner = {"pid": os.getpid(), "command": command}
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(owner).encode(), 0)
            self._sweep()
            try:
                yield
            finally:
                os.ftruncate(descriptor, 0)

    def owner(self) -> FolderOwner | None:
        """Return the living process that writes to the folder, or None."""
        try:
            known = parse_json(read_regular(self.lock_file, LOCK_BYTES))
            owner = FolderOwner(int(known["pid"]), str(known["command"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return owner if owner.alive else None

    def _sweep(self) -> None:
        """Remove what killed commands were writing."""
        sweep(self.root, deep=False)  # the person may keep other things there
        for folder in (self.calibration, self.demos, self.labels, self.classifier, self.runs):
            sweep(folder)

    def _busy(self) -> FolderBusyError:
        owner = self.owner()
        if owner is None:
            return FolderBusyError("another command writes to this folder", where=str(self.root))
        return FolderBusyError(
            f"{owner.description} writes to this folder",
            where=str(self.root),
            hint=f"wait until it ends, or stop it: kill -INT {owner.pid}",
        )


def _another_place(root: Path) -> str:
    """Return where the person may have meant to be: above a folder that is no task, or below it."""
    found = [up for up in root.resolve().parents if (up / TASK_FILE).is_file()]
    with contextlib.suppress(OSError):
        found = found[:1] or sorted(file.parent for file in root.glob(f"*/{TASK_FILE}"))
    if len(found) == 1:
        return f"there is one in {found[0]}: --task {shlex.quote(os.path.relpath(found[0]))}"
    return "cd into a task folder, use --task DIR, or start one: hilctl new-task NAME"
