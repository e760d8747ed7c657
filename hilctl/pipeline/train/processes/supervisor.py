"""Start the acting and the learning process, pass on what they tell, replace them when they die."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import connection
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from hilctl.errors import HilctlError
from hilctl.pipeline.events import Event, Report, ShouldStop
from hilctl.pipeline.run_folder.resume import progress_so_far
from hilctl.pipeline.run_folder.run import Run
from hilctl.pipeline.train.processes.child import ROLES, ProcessTask, run_child
from hilctl.pipeline.train.processes.event_sender import error_of, event_of, health_of
from hilctl.pipeline.train.processes.signals import SPAWN, ProcessSignals
from hilctl.task.files import os_errors
from hilctl.task.leftovers import sweep_folders
from hilctl.training.link import Health
from hilctl.training.metrics import Progress

POLL_S = 0.05  # a stop reaches the robot within a control period
SCRATCH = r"hilctl-(\d+)-\w+"  # the folder of the link between both processes
MANY_DEATHS = 20  # of one process in a run: not bad luck any more
QUICK_DEATH_S = 20  # a process that dies so soon after its start …
QUICK_DEATHS = 3  # … so many times on end will not do better the next time
LEAVE_S = 60  # to save and leave
KILL_S = 5


class WatchedProcess:
    """One of the two processes, through all its lives.

    Args:
        role: "actor" or "learner".
        assignment, signals: what it is given every time.
    """

    def __init__(self, role: str, assignment: ProcessTask, signals: ProcessSignals) -> None:
        self.role = role
        self.deaths = 0
        self.ready = False
        self.finished = False
        self._quick_deaths = 0
        self._arguments = (role, assignment, signals)
        self._start()

    def _start(self) -> None:
        self.ready = False
        self._started = time.monotonic()
        self.pipe: Connection
        self.pipe, theirs = SPAWN.Pipe(duplex=False)
        self.process = SPAWN.Process(
            target=run_child, args=(*self._arguments, theirs), name=self.role, daemon=True
        )
        self.process.start()
        theirs.close()

    def messages(self) -> Iterator[dict[str, Any]]:
        """Yield what it has told since the last time."""
        try:
            while self.pipe.poll():
                yield json.loads(self.pipe.recv_bytes())
        except (EOFError, OSError, ValueError):  # killed, perhaps in the middle of a word
            return

    def replace_if_dead(self, *, leaving: bool) -> str | None:
        """Start it again if it has died; return how it died, or None.

        Raises:
            HilctlError: it dies again and again.
        """
        if self.process.is_alive() or self.finished:
            return None
        code = self.process.exitcode
        if leaving or code == 0:
            self.finished = True
            return None
        self.deaths += 1
        quick = time.monotonic() - self._started < QUICK_DEATH_S
        self._quick_deaths = self._quick_deaths + 1 if quick else 0
        if self._quick_deaths >= QUICK_DEATHS or self.deaths >= MANY_DEATHS:
            raise HilctlError(
                f"the {self.role} has died {self.deaths} times, the last time by {_cause(code)}",
                hint="its last words are above; all finished episodes are saved",
            )
        self.pipe.close()
        self._start()
        return _cause(code)

    def end(self, patience_s: float) -> None:
        """Return when it is gone: by itself, or when patience is at an end by force."""
        self.process.join(patience_s)
        for force in (self.process.terminate, self.process.kill):
            if self.process.is_alive():
                force()
                self.process.join(KILL_S)
        self.finished = True


def train_apart(run: Run, report: Report, stop: ShouldStop) -> bool | None:
    """Act and learn at once until the policy is good; None when stopped before the run began.

    Returns:
        Whether the target was reached.

    Raises:
        HilctlError: whatever either process cannot go on with.
    """
    with _scratch() as folder:
        workspace = run.workspace
        assignment = ProcessTask(
            root=workspace.root.resolve(),
            spec=workspace.spec,
            folder=run.folder.resolve(),
            seed=run.seed,
            address=folder / "link",
            supervisor=os.getpid(),
        )
        supervisor = Supervisor(run, assignment, report, stop)
        try:
            return supervisor.run()
        except KeyboardInterrupt:  # asked for twice: no time for a checkpoint
            supervisor.end(KILL_S)
            raise
        finally:
            supervisor.end(LEAVE_S)


@contextmanager
def _scratch() -> Iterator[Path]:
    sweep_folders(Path(tempfile.gettempdir()), SCRATCH)
    with os_errors():
        folder = Path(tempfile.mkdtemp(prefix=f"hilctl-{os.getpid()}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Supervisor:
    """Watch over both processes of a run."""

    def __init__(self, run: Run, assignment: ProcessTask, report: Report, stop: ShouldStop) -> None:
        self._run, self._report, self._stop = run, report, stop
        self._signals = ProcessSignals.make()
        self._children = {role: WatchedProcess(role, assignment, self._signals) for role in ROLES}
        self._reached: bool | None = None
        self._health = Health()
        self._begun = False
        for child in self._children.values():
            self._introduce(child)

    def run(self) -> bool | None:
        """Return whether the target was reached; None when stopped before the run began."""
        actor = self._children["actor"]
        while not actor.finished:
            self._listen(POLL_S)
            self._run.check_home()
            if self._stop():
                self._signals.stop_acting.value = 1
                self._signals.stop_learning.value = not self._begun
            for child in self._children.values():
                cause = child.replace_if_dead(leaving=self._stop())
                if cause is not None:
                    self._mourn(child, cause)
            self._begin_when_ready()
        self._let_the_learner_catch_up()
        self._signals.stop_learning.value = 1
        self._children["learner"].end(LEAVE_S)
        self._listen(0)
        if not self._begun:
            return None
        self._close_books()
        return bool(self._reached)

    def _let_the_learner_catch_up(self) -> None:
        """Wait for one that was started again just before the end to read what it missed."""
        learner, deadline = self._children["learner"], time.monotonic() + LEAVE_S
        while not (learner.ready or learner.finished or self._stop()):
            if not learner.process.is_alive() or time.monotonic() > deadline:
                return
            self._listen(POLL_S)

    def end(self, patience_s: float) -> None:
        """Leave no process behind, however the run ended; the robot stops first.

        Args:
            patience_s: how long each may take to save.
        """
        self._signals.stop_acting.value = self._signals.stop_learning.value = 1
        for role in ("actor", "learner"):
            child = self._children[role]
            if not child.finished:
                child.end(patience_s if self._begun else KILL_S)

    def _listen(self, timeout_s: float) -> None:
        pipes = [child.pipe for child in self._children.values() if not child.finished]
        sentinels = [c.process.sentinel for c in self._children.values() if not c.finished]
        connection.wait([*pipes, *sentinels], timeout_s)
        for child in self._children.values():
            for message in child.messages():
                self._hear(child, message)

    def _hear(self, child: WatchedProcess, message: dict[str, Any]) -> None:
        kind = message["kind"]
        if kind == "error":
            child.finished = True
            raise error_of(message)
        if kind == "ready":
            child.ready = True
        elif kind == "done":
            self._reached = message["reached"]
            self._run.left_early = message["left_early"]
        elif kind == "health":
            self._health = health_of(message)
        else:
            self._report(self._with_deaths(event_of(message)))

    def _with_deaths(self, event: Event) -> Event:
        if event.name != "episode":
            return event
        return replace(event, figures={**event.figures, **self._deaths(self._run.progress)})

    def _deaths(self, earlier: Progress) -> dict[str, int]:
        """Return how often each side has died, in earlier parts of the run, too."""
        return {
            f"{role}_deaths": getattr(earlier, f"{role}_deaths") + child.deaths
            for role, child in self._children.items()
        }

    def _begin_when_ready(self) -> None:
        if self._begun or not all(child.ready for child in self._children.values()):
            return
        self._run.begin()
        self._begun = True
        self._signals.go.value = 1

    def _introduce(self, child: WatchedProcess) -> None:
        pid = child.process.pid
        figures = {"role": child.role, "pid": pid}
        self._report(Event("process", f"starting the {child.role}, process {pid}", figures=figures))

    def _mourn(self, child: WatchedProcess, cause: str) -> None:
        text = f"the {child.role} died by {cause} and was started again from what is saved"
        self._report(Event("death", text, figures={"role": child.role, "deaths": child.deaths}))
        self._introduce(child)

    def _close_books(self) -> None:
        run = self._run
        run.progress = progress_so_far(run.folder, run.workspace.spec)
        run.progress.take(self._health)
        for name, deaths in self._deaths(run.progress).items():
            setattr(run.progress, name, deaths)
        run.end(reached=bool(self._reached), stopped=self._stop())


def _cause(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {-code}"
    return f"exit code {code}"
