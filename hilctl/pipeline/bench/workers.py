"""Processes that work through cells, one core each, until none is left to do."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from hilctl.pipeline.bench.cells import Cell, Journal
from hilctl.pipeline.events import Event, Figures, Report, ShouldStop

LOOK_S = 0.1
LEAVE_S = 10.0  # for a process that was told to leave
# one core each: more threads would only wait for each other
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

Command = Callable[[Cell, int], Sequence[str]]


@dataclass
class _Worker:
    cell: Cell
    core: int
    process: subprocess.Popen[bytes]
    started_s: float = field(default_factory=time.monotonic)

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.started_s

    def end(self) -> None:
        """End the process and wait for it."""
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(LEAVE_S)
        self.process.kill()
        self.process.wait(LEAVE_S)
        self.close()

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()


class Workers:
    """Run every cell that is not finished, several at once; one that fails keeps no other back.

    Args:
        journal: of the comparison.
        command: what works on a cell, and on which core; it has to leave when its standard input
            ends, since then nobody is there who would wait for it.
        cores: numbers of the processor's cores, one a process.
        limit_s: of one cell.
        report: told of every cell that begins, ends or fails.
        stop: True ends all processes.

    Attributes:
        failed: why cells failed, by cell.
    """

    def __init__(
        self,
        journal: Journal,
        command: Command,
        *,
        cores: Sequence[int],
        limit_s: float,
        report: Report,
        stop: ShouldStop,
    ) -> None:
        self._journal, self._command = journal, command
        self._free, self._limit_s = list(cores), limit_s
        self._report, self._stop = report, stop
        self._busy: list[_Worker] = []
        self.failed: dict[Cell, str] = {}

    def work(self, cells: Sequence[Cell]) -> None:
        """Work until each is finished or has failed, or somebody stops it."""
        waiting = [cell for cell in cells if not self._journal.is_done(cell)]
        try:
            while (waiting or self._busy) and not self._stop():
                waiting = self._begin(waiting)
                for worker in [*self._busy]:
                    self._look_at(worker)
                time.sleep(LOOK_S)
        finally:
            for worker in self._busy:
                worker.end()

    def _begin(self, waiting: Sequence[Cell]) -> list[Cell]:
        """Begin with what can be begun, and return what has to wait."""
        later = []
        for cell in waiting:
            data = cell.data
            if data in self.failed:
                self._fail(cell, "there are no data for it")
            elif not self._free or (cell != data and not self._journal.is_done(data)):
                later.append(cell)
            else:
                self._busy.append(self._started(cell, self._free.pop(0)))
                figures = {"cell": cell.name}
                self._report(Event("cell", f"{cell.name}: begins", figures=figures))
        return later

    def _started(self, cell: Cell, core: int) -> _Worker:
        with self._journal.log(cell).open("wb") as log:
            process = subprocess.Popen(
                self._command(cell, core),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **ONE_THREAD},
                start_new_session=True,  # Ctrl-C reaches us alone
            )
        return _Worker(cell, core, process)

    def _look_at(self, worker: _Worker) -> None:
        code = worker.process.poll()
        if code is None and worker.age_s < self._limit_s:
            return
        if code is None:
            worker.end()
            self._fail(worker.cell, f"took longer than {self._limit_s / 60:g} minutes")
        else:
            worker.close()
            if self._journal.is_done(worker.cell):
                name, minutes = worker.cell.name, worker.age_s / 60
                figures: Figures = {"cell": name, "minutes": minutes}
                self._report(Event("cell", f"{name}: done in {minutes:.1f} min", figures=figures))
            else:
                self._fail(worker.cell, self._last_words(worker.cell, code))
        self._busy.remove(worker)
        self._free.append(worker.core)

    def _last_words(self, cell: Cell, code: int) -> str:
        log = self._journal.log(cell)
        lines = log.read_text("utf-8", errors="replace").strip().splitlines()
        return f"{lines[-1] if lines else f'exit code {code}'} ({log})"

    def _fail(self, cell: Cell, why: str) -> None:
        self.failed[cell] = why
        figures = {"cell": cell.name, "failed": why}
        self._report(Event("cell", f"{cell.name}: failed, {why}", figures=figures))
