"""`quickstart.json`: what a quickstart was begun with, and what only its sessions know."""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from hilctl.errors import UsageError
from hilctl.pipeline.events import Event
from hilctl.task import scaffold
from hilctl.task.files import write_json_atomic
from hilctl.task.json_files import read_json
from hilctl.task.templates import DEFAULT_TEMPLATE

FILE = "quickstart.json"
WRITE_EVERY_S = 5.0  # so much of the time that is told in the end may a kill lose


class QuickstartJournal(BaseModel):
    """What lies in the file.

    Attributes:
        template, seed: that it was begun with.
        wall_s: of all sessions so far.
        robot_s: of the recording stages, on the robot's clock, by name.
        classifier: held-out figures before training re-fits it.
    """

    model_config = ConfigDict(extra="forbid")

    format: int = 1
    template: str
    seed: int
    wall_s: float = 0.0
    robot_s: dict[str, float] = {}
    classifier: dict[str, float] | None = None

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return the journal of a folder, or None when it is no quickstart.

        Raises:
            DataError: damaged.
        """
        return read_json(cls, folder / FILE, hint=f"start another one: {elsewhere(folder)}")


def begin(folder: Path, template: str | None, seed: int | None) -> QuickstartJournal:
    """Return the journal of a folder, which is made unless it is there.

    Args:
        folder: new, empty, or of a quickstart.
        template, seed: asked for; None = as it was begun, or the usual ones.

    Raises:
        UsageError: the folder holds something else, or was begun differently.
        DataError: its journal is damaged.
    """
    journal = QuickstartJournal.read(folder) if folder.is_dir() else None
    if journal is not None:
        _check_same(folder, "template", template, journal.template)
        _check_same(folder, "seed", seed, journal.seed)
        return journal
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(
            f"{folder} is there already and is not a quickstart",
            hint=f"make it elsewhere: {elsewhere(folder)}",
        )
    journal = QuickstartJournal(template=template or DEFAULT_TEMPLATE, seed=seed or 0)
    chosen = scaffold.find_template(journal.template)
    # in one stroke with the task: a kill leaves a quickstart or nothing
    beside = {FILE: json.dumps(journal.model_dump(), indent=2) + "\n"}
    scaffold.create(chosen, folder, chosen.answers({}), beside=beside)
    return journal


def elsewhere(folder: Path) -> str:
    """Return the command for a quickstart in another folder."""
    return shlex.join(["hilctl", "quickstart", "--dir", f"{folder.resolve().name}-2"])


def _check_same(folder: Path, what: str, asked: Any, known: Any) -> None:
    if asked is not None and asked != known:
        raise UsageError(
            f"the quickstart in {folder} was begun with {what} {known}, not {asked}",
            hint=f"leave out --{what} to go on, or start another one: "
            f"{elsewhere(folder)} --{what} {asked}",
        )


class QuickstartSession:
    """One run of the command: its times are added to the journal as they pass.

    Args:
        folder: of the quickstart.
        journal: as the sessions before left it.
    """

    def __init__(self, folder: Path, journal: QuickstartJournal) -> None:
        self.journal = journal
        self._file = folder / FILE
        self._before = journal.model_copy(deep=True)
        self._started = self._written = time.monotonic()

    @property
    def wall_s(self) -> float:
        """Seconds of all sessions so far."""
        return self._before.wall_s + time.monotonic() - self._started

    def take(self, stage: str, event: Event) -> None:
        """Take the robot's time in a recording stage from what is told of an episode."""
        told = event.figures.get("robot_s")
        robot_s = self._before.robot_s.get(stage, 0.0)
        robot_s += told if isinstance(told, int | float) else 0.0
        self.journal.robot_s[stage] = max(robot_s, self.journal.robot_s.get(stage, 0.0))
        self.write_now_and_then()

    def write_now_and_then(self) -> None:
        """Write the journal, unless that was a moment ago."""
        if time.monotonic() - self._written > WRITE_EVERY_S:
            self.write()

    def write(self) -> None:
        """Write the journal.

        Raises:
            HilctlError: the disk is full or the folder cannot be written.
        """
        self._written = time.monotonic()
        self.journal.wall_s = self.wall_s
        write_json_atomic(self._file, self.journal.model_dump())
