"""The book-keeping of `bench methods`, with cells that only write that they were there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hilctl.errors import FolderBusyError, UsageError
from hilctl.pipeline.bench import workers
from hilctl.pipeline.bench.cell_process import written
from hilctl.pipeline.bench.cells import Cell, Journal, Plan
from hilctl.pipeline.bench.workers import Workers
from hilctl.pipeline.events import Event, never, silent

PLAN = Plan(
    tasks={"peg": "sim-reach"},
    algorithms=["full", "bc"],
    seeds=2,
    max_steps=100,
    operator_steps=10,
    episodes=5,
)
HANGING, BROKEN = Cell("peg", 0, "bc"), Cell("peg", 1, "full")
STUB = """
import os, pathlib, sys, threading, time
folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(1)), daemon=True).start()
with (folder / "begun").open("a") as file:
    file.write(f"{name} {os.getpid()} {os.environ['OMP_NUM_THREADS']}\\n")
print("beginning", "halfway", sep="\\n", flush=True)
while (folder / f"{name}.hang").exists():
    time.sleep(0.02)
if (folder / f"{name}.break").exists():
    sys.exit("it broke")
(folder / "results" / f"{name}.json").write_text("{}")
"""
SUPERVISOR = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
from test_bench_workers import work
work(pathlib.Path(sys.argv[2]))
"""
PATIENCE_S = 60.0


def work(folder: Path, **changes: Any) -> Workers:
    """Work through the plan in a folder, in two processes."""
    journal = Journal(folder)
    settings: dict[str, Any] = {"cores": [0, 1], "limit_s": PATIENCE_S, "report": silent}
    settings |= {"stop": never, **changes}
    crew = Workers(
        journal,
        lambda cell, core: [sys.executable, "-c", STUB, str(folder), cell.name],
        **settings,
    )
    with journal.open(PLAN):
        crew.work(PLAN.cells())
    return crew


def begun(folder: Path) -> list[str]:
    file = folder / "begun"
    return file.read_text().splitlines() if file.exists() else []


def wait_until(true: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a comparison that has begun."""
    with Journal(tmp_path / "methods").open(PLAN):
        return tmp_path / "methods"


def block(folder: Path, cell: Cell, how: str = "hang") -> Path:
    file = folder / f"{cell.name}.{how}"
    file.touch()
    return file


def test_every_cell_is_run_once_after_its_data_with_a_thread_of_its_own(folder: Path) -> None:
    crew = work(folder)
    lines = [line.split() for line in begun(folder)]
    names = [name for name, _, _ in lines]
    assert sorted(names) == sorted(cell.name for cell in PLAN.cells())
    for cell in PLAN.cells():
        assert names.index(cell.data.name) <= names.index(cell.name)
    assert {threads for _, _, threads in lines} == {"1"}
    assert not crew.failed


def test_after_a_kill_finished_cells_are_not_run_again_and_the_others_are(folder: Path) -> None:
    hanging = block(folder, HANGING)
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(Path(__file__).parent), str(folder)]
    )
    others = [cell for cell in PLAN.cells() if cell != HANGING]
    wait_until(lambda: all(Journal(folder).is_done(cell) for cell in others))
    wait_until(lambda: any(line.startswith(HANGING.name) for line in begun(folder)))
    supervisor.send_signal(signal.SIGKILL)
    supervisor.wait()
    (orphan,) = [int(line.split()[1]) for line in begun(folder) if HANGING.name in line]
    wait_until(lambda: not is_alive(orphan))
    hanging.unlink()
    work(folder)
    counts = {cell: sum(cell.name == line.split()[0] for line in begun(folder)) for cell in others}
    assert set(counts.values()) == {1}
    assert sum(HANGING.name == line.split()[0] for line in begun(folder)) == 2
    assert Journal(folder).is_done(HANGING)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_cell_that_fails_is_told_and_keeps_no_other_back(folder: Path) -> None:
    broken, told = block(folder, BROKEN, "break"), []
    crew = work(folder, report=told.append)
    assert [*crew.failed] == [BROKEN]
    assert "it broke" in crew.failed[BROKEN]
    assert any(BROKEN.name in event.text and "failed" in event.text for event in told)
    assert all(Journal(folder).is_done(cell) for cell in PLAN.cells() if cell != BROKEN)
    broken.unlink()
    assert not work(folder).failed


def test_without_data_nothing_is_run_on_them(folder: Path) -> None:
    block(folder, BROKEN.data, "break")
    crew = work(folder)
    assert {cell for cell in crew.failed if cell.algorithm} == {
        cell for cell in PLAN.cells() if cell.seed == 1 and cell.algorithm
    }
    assert not any(line.startswith(BROKEN.name) for line in begun(folder))


def test_a_cell_that_takes_too_long_is_ended(folder: Path) -> None:
    block(folder, HANGING)
    crew = work(folder, limit_s=2.0)
    assert "took longer" in crew.failed[HANGING]
    (pid,) = [int(line.split()[1]) for line in begun(folder) if line.startswith(HANGING.name)]
    assert not is_alive(pid)


def test_what_cells_at_work_said_last_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "TELL_S", 0.0)
    hung = block(folder, HANGING)
    told: list[Event] = []

    def report(event: Event) -> None:
        told.append(event)
        words = event.text.split("; ") if event.name == "at_work" else []
        if any(HANGING.name in each and each.endswith(": halfway") for each in words):
            hung.unlink(missing_ok=True)

    work(folder, report=report)
    said = [event for event in told if event.name == "at_work" and "halfway" in event.text]
    assert said
    assert all(event.total == len(PLAN.cells()) for event in said)
    assert f"of {len(PLAN.cells())} done; " in said[-1].text
    names = [event.text for event in told if event.name == "cell"]
    data = HANGING.data.name  # a cell begins after the end of what makes its data
    done = next(i for i, text in enumerate(names) if text.startswith(f"{data}: done"))
    assert done < names.index(f"{HANGING.name}: begins")


def test_a_log_that_was_removed_ends_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "TELL_S", 0.0)
    hung = block(folder, HANGING)
    removed: list[Path] = []

    def report(event: Event) -> None:
        if event.name == "at_work" and HANGING.name in event.text:
            if removed:  # it was told once more
                hung.unlink(missing_ok=True)
            elif (log := Journal(folder).log(HANGING)).exists():
                log.unlink()
                removed.append(log)

    assert work(folder, report=report).failed == {}


def test_a_stop_ends_all_processes(folder: Path) -> None:
    block(folder, HANGING)
    crew = work(folder, stop=lambda: any(line.startswith(HANGING.name) for line in begun(folder)))
    assert HANGING not in crew.failed
    (pid,) = [int(line.split()[1]) for line in begun(folder) if line.startswith(HANGING.name)]
    assert not is_alive(pid)


def test_other_conditions_are_refused_with_both(folder: Path) -> None:
    other = PLAN.model_copy(update={"max_steps": 200})
    with (
        pytest.raises(UsageError, match="max_steps: 200 here, 100 in what"),
        Journal(folder).open(other),
    ):
        pass


def test_more_seeds_and_algorithms_may_be_asked_for_later(folder: Path) -> None:
    work(folder)
    more = PLAN.model_copy(update={"seeds": 3, "algorithms": ["full", "ibrl"]})
    with Journal(folder).open(more):
        left = [cell for cell in more.cells() if not Journal(folder).is_done(cell)]
    assert {cell.algorithm for cell in left if cell.seed < 2} == {"ibrl"}
    assert {cell.seed for cell in left if cell.algorithm is None} == {2}


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(UsageError, match="holds something else"), Journal(tmp_path).open(PLAN):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_place_where_no_folder_can_be_made_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for there, why in ("file", "is no folder"), ("a/b", "no folder"):
        with pytest.raises(UsageError, match=why), Journal(tmp_path / there).open(PLAN):
            pass


def test_two_comparisons_do_not_share_a_folder(folder: Path) -> None:
    with Journal(folder).open(PLAN), pytest.raises(FolderBusyError), Journal(folder).open(PLAN):
        pass


def test_a_log_gets_events_at_a_pace(tmp_path: Path) -> None:
    for pace_s, lines in ((0.0, ["one", "two"]), (60.0, ["one"])):
        log = tmp_path / f"{pace_s}.txt"
        report = written(log, pace_s)
        for text in ("one", "", "two"):
            report(Event("episode", text))
        assert log.read_text("utf-8").splitlines() == lines
