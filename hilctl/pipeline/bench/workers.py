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
TELL_S = 5.0  # between two words on how far the processes are
LAST_BYTES = 4096  # of a log, in which its last line lies
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

    @property
    def clock(self) -> str:
        return f"{int(self.age_s) // 60}:{int(self.age_s) % 60:02d}"

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
        report: told of every cell that begins, ends or fails ("cell"), and now and then what those
            at work said last in their logs ("at_work").
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
        told_s = time.monotonic()
        try:
            while (waiting or self._busy) and not self._stop():
                waiting = self._begin(waiting)
                for worker in [*self._busy]:
                    self._look_at(worker)
                if self._busy and time.monotonic() - told_s >= TELL_S:
                    told_s = time.monotonic()
                    self._tell(len(cells) - len(waiting) - len(self._busy), len(cells))
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
            elif not self._free or (cell != data and not self._has_ended(data)):
                later.append(cell)
            else:
                self._busy.append(self._started(cell, self._free.pop(0)))
                figures = {"cell": cell.name}
                self._report(Event("cell", f"{cell.name}: begins", figures=figures))
        return later

    def _has_ended(self, cell: Cell) -> bool:
        at_work = any(worker.cell == cell for worker in self._busy)
        return not at_work and self._journal.is_done(cell)

    def _tell(self, done: int, total: int) -> None:
        words = [
            f"{one.cell.name} for {one.clock}: {self._last_line(one.cell)}" for one in self._busy
        ]
        figures: Figures = {"cells": [worker.cell.name for worker in self._busy]}
        text = f"{done} of {total} done; {'; '.join(words)}"
        self._report(Event("at_work", text, done, total, figures))

    def _started(self, cell: Cell, core: int) -> _Worker:
        path = self._journal.log(cell)
        path.write_bytes(b"")
        with path.open("ab") as log:  # the process appends to it by its name, too
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
        return f"{self._last_line(cell) or f'exit code {code}'} ({self._journal.log(cell)})"

    def _last_line(self, cell: Cell) -> str:
        path = self._journal.log(cell)
        if not path.exists():  # whoever tidies up ends no comparison of hours
            return ""
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - LAST_BYTES))
            lines = log.read().decode("utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def _fail(self, cell: Cell, why: str) -> None:
        self.failed[cell] = why
        figures = {"cell": cell.name, "failed": why}
        self._report(Event("cell", f"{cell.name}: failed, {why}", figures=figures))
