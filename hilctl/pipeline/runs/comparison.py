"""`hilctl runs A B`: what two runs came to, and what their task files say differently."""

from __future__ import annotations

from collections.abc import Sequence

from hilctl.pipeline.run_folder.manifest import KeptPolicy
from hilctl.pipeline.runs.listing import RunOverview
from hilctl.task.fingerprint import differences, shown
from hilctl.task.load import as_written

NONE, OLDER = "–", ", of an older policy"

Row = tuple[str, ...]


def figures_of(run: RunOverview) -> dict[str, str]:
    """Return what a run came to, by name, in words."""
    figures = run.figures
    return {
        "started": f"{run.started:%Y-%m-%d %H:%M}" if run.started else NONE,
        "status": status_of(run),
        "episodes": str(figures.episodes),
        "robot steps": str(figures.robot_steps),
        "human steps": str(figures.intervention_steps),
        "vetoed successes": str(figures.vetoes),
        "robot minutes": f"{figures.robot_s / 60:.1f}",
        "policies on trial": str(figures.trials),
        "success without help, last 20": f"{figures.autonomous_success_last20:.0%}",
        "eval": evaluation(run),
        "last policy": f"step {run.last.robot_steps}" if run.last else NONE,
        "best policy": f"step {run.best.robot_steps}" if run.best else NONE,
        "its trial": trial(run.best),
    }


def status_of(run: RunOverview) -> str:
    """Return how a run stands: "passed" when one of its policies has passed its trial."""
    return "passed" if run.reached else run.status


def evaluation(run: RunOverview) -> str:
    """Return k of n with its interval, marked where the run has a newer policy."""
    measured = run.measured
    if measured is None:
        return NONE
    low, high = (round(100 * end) for end in measured.ci95)
    return f"{measured.successes}/{measured.episodes} {low}–{high}%" + (
        OLDER if run.measured_before else ""
    )


def trial(best: KeptPolicy | None) -> str:
    """Return k of n of the best policy on trial."""
    tried = best.trial_successes + best.trial_failures if best else 0
    return f"{best.trial_successes}/{tried}" if best and tried else NONE


def in_a_line(run: RunOverview) -> dict[str, str]:
    """Return what a list tells of a run, short enough for a line of a terminal."""
    figures = run.figures
    policy = f"{run.last.robot_steps}" if run.last else NONE
    return {
        "run": run.id,
        "status": status_of(run),
        "steps": str(figures.robot_steps),
        "human": str(figures.intervention_steps),
        "trial": trial(run.best),
        "success": f"{figures.autonomous_success_last20:.0%}",
        "policy": f"{policy}, best" if run.best else policy,
        "eval": evaluation(run),
    }


def compare_figures(runs: Sequence[RunOverview]) -> list[Row]:
    """Return a row a figure: its name, and what each run has."""
    columns = [figures_of(run) for run in runs]
    return [(name, *(column[name] for column in columns)) for name in columns[0]]


def compare_tasks(first: RunOverview, second: RunOverview) -> list[tuple[str, str, str]]:
    """Return each key in which two runs' task files differ, and what each of them says."""
    found = differences(as_written(first.spec), as_written(second.spec))
    return [(key, shown(key, ours), shown(key, theirs)) for key, ours, theirs in found]
