"""A process that works on one cell of `bench methods`.

Its words: the comparison's folder, a processor core, task, seed and algorithm; without the last one
it makes the data.
"""

from __future__ import annotations

import math
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hilctl.pipeline.bench.cells import Cell, DataResult, Journal, Plan
from hilctl.pipeline.events import Event, Report

COPIED_NOT = ("demos", "labels", "classifier", "runs", ".hilctl*")
TARGET, WINDOW = 0.95, 20
PACE_S = 5.0  # between two lines of the log


def command(journal: Journal, cell: Cell, core: int) -> list[str]:
    """Return the command line of a process for a cell."""
    words = [str(journal.root), str(core), cell.task, str(cell.seed)]
    algorithm = [cell.algorithm] if cell.algorithm else []
    return [sys.executable, "-m", __name__, *words, *algorithm]


def main(folder: str, core: str, task: str, seed: str, algorithm: str | None = None) -> None:
    """Work on a cell until it is finished."""
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    with suppress(OSError):  # where cores cannot be chosen, the system deals them out
        os.sched_setaffinity(0, {int(core)})
    journal, cell = Journal(Path(folder)), Cell(task, int(seed), algorithm)
    plan = journal.plan()
    assert plan is not None, "the supervisor writes it first"
    result = prepare(journal, plan, cell) if algorithm is None else run(journal, plan, cell)
    journal.finish(cell, result)


def _leave_with_parent() -> None:
    # ends with the supervisor, however that ends; not through a buffer, whose lock is needed last
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGKILL)  # a training is made to go on after that


def written(log: Path, pace_s: float = PACE_S) -> Report:
    """Return what appends events to the log of a cell, at a pace."""
    told_s = -math.inf

    def report(event: Event) -> None:
        nonlocal told_s
        if event.text and time.monotonic() - told_s >= pace_s:
            told_s = time.monotonic()
            with log.open("a", encoding="utf-8") as lines:
                lines.write(f"{event.text}\n")

    return report


def prepare(journal: Journal, plan: Plan, cell: Cell) -> dict[str, Any]:
    """Record what all algorithms of a task and seed learn from; what is half done begins anew."""
    from hilctl.pipeline.classify.train_classifier import train_classifier
    from hilctl.pipeline.record.demos import record_demos
    from hilctl.pipeline.record.labels import record_labels
    from hilctl.rewards.learnt import stages_needed
    from hilctl.task import scaffold
    from hilctl.task.workspace import Workspace

    root, source = journal.data / cell.name, plan.tasks[cell.task]
    shutil.rmtree(root, ignore_errors=True)
    if Path(source).is_absolute():
        shutil.copytree(source, root, ignore=shutil.ignore_patterns(*COPIED_NOT))
    else:
        scaffold.make(source, root)
    workspace = Workspace(root)
    stages, report = stages_needed(workspace.spec), written(journal.log(cell))
    with workspace.lock("bench methods"):
        result = DataResult(demos=record_demos(workspace, seed=cell.seed, report=report).demos)
        if "labels" in stages:
            record_labels(workspace, seed=cell.seed, report=report)
        if "classifier" in stages:
            each = train_classifier(workspace, seed=cell.seed, report=report).each
            poorest = min((one.fitted.metrics for one in each), key=lambda one: one.recognised)
            result = result.model_copy(update=poorest.successes)
    return result.model_dump()


def run(journal: Journal, plan: Plan, cell: Cell) -> dict[str, Any]:
    """Train and evaluate; a training that was cut off goes on where it was."""
    from hilctl.pipeline.bench.algorithms import changed, find_algorithm
    from hilctl.pipeline.evaluate.evaluate import evaluate
    from hilctl.pipeline.run_folder.metrics_log import read_metrics
    from hilctl.pipeline.run_folder.resume import find_finished
    from hilctl.pipeline.train.train import Ablation, train
    from hilctl.task.workspace import Workspace

    assert cell.algorithm is not None
    algorithm, root = find_algorithm(cell.algorithm), _copied_once(journal, cell)
    workspace = Workspace(root, spec=changed(Workspace(root).spec, algorithm))
    report = written(journal.log(cell))
    budget = Ablation(algorithm.demonstrations, plan.max_steps, plan.operator_steps)
    with workspace.lock("bench methods"):
        if finished := find_finished(workspace):
            figures, reached = dict(finished.figures), bool(finished.reached)
        else:
            trained = train(workspace, seed=cell.seed, ablation=budget, report=report)
            assert trained is not None, "nobody stops it"
            figures, reached = trained.progress.as_dict(), trained.reached
        measured = evaluate(
            workspace, episodes=plan.episodes, seed=cell.seed, report=report
        ).as_dict()
        newest = workspace.all_runs()[-1]
    records, _ = read_metrics(newest)
    counts = ("robot_steps", "trial_steps", "intervention_steps", "robot_s", "wall_s")
    truth = measured["true_successes"]
    return {
        **{name: figures[name] for name in counts},
        **to_target(records),
        "reached_target": reached and figures["robot_steps"] > 0,
        "episodes": measured["episodes"],
        "true_successes": measured["successes"] if truth is None else truth,
        "median_time_s": measured["median_time_s"],
        "curve": curve(records),
    }


def _copied_once(journal: Journal, cell: Cell) -> Path:
    """Return the cell's task folder, a copy of the data's; a half of one is made again."""
    root, building = journal.cells / cell.name, journal.cells / f"{cell.name}.part"
    if not root.exists():
        shutil.rmtree(building, ignore_errors=True)
        ignored = shutil.ignore_patterns("runs", ".hilctl*")
        shutil.copytree(journal.data / cell.data.name, building, ignore=ignored)
        building.rename(root)
    return root


def alone(record: Mapping[str, Any]) -> bool:
    """Return whether an episode succeeded without help: in truth, where that is known."""
    truth = record.get("true_success")
    success = record["outcome"] == "success" if truth is None else truth
    return bool(success) and not record["episode_interventions"]


def to_target(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the robot's steps and seconds until 95 % of 20 episodes succeeded without help."""
    for end in range(WINDOW, len(records) + 1):
        if sum(map(alone, records[end - WINDOW : end])) >= TARGET * WINDOW - 1e-9:
            last = records[end - 1]
            return {"steps_to_target": last["robot_steps"], "robot_s_to_target": last["robot_s"]}
    return {"steps_to_target": None, "robot_s_to_target": None}


def curve(records: Sequence[Mapping[str, Any]]) -> list[tuple[int, float, float]]:
    """Return steps, success without help and share of human steps, of up to 20 episodes each."""
    points = []
    for end in range(1, len(records) + 1):
        recent = records[max(0, end - WINDOW) : end]
        helped = sum(record["episode_interventions"] for record in recent)
        steps = max(1, sum(record["episode_steps"] for record in recent))
        share = sum(map(alone, recent)) / len(recent)
        points.append((int(records[end - 1]["robot_steps"]), share, helped / steps))
    return points


if __name__ == "__main__":
    main(*sys.argv[1:])
