"""What lies in a run's folder, in figures that a person can read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import FiniteFloat

from hilctl.errors import DataError, MissingStageError
from hilctl.pipeline.run_folder.manifest import (
    Manifest,
    RunManifest,
    measured_before,
    read_manifest,
    run_manifest,
)
from hilctl.pipeline.run_folder.metrics_log import Record, read_metrics


class EvaluationFigures(Manifest):
    """What the page of a run tells of `eval.json`."""

    episodes: int
    successes: int
    checkpoint: str = ""
    ci95: tuple[FiniteFloat, FiniteFloat]
    true_successes: int | None = None
    false_positives: int | None = None
    median_time_s: FiniteFloat | None = None


def read_run(run: Path) -> tuple[RunManifest, list[Record]]:
    """Return the manifest of a run, and one record an episode, at least one.

    Raises:
        MissingStageError: there is no such run, or it has no episode yet.
    """
    manifest = run_manifest(run)
    records, _ = read_metrics(run)
    if manifest is None or not records:
        raise MissingStageError(
            f"run {run.name} has no episode yet", where=str(run), hint="hilctl train"
        )
    return manifest, records


def training_table(last: dict[str, Any]) -> dict[str, Any]:
    """Return the counts of a run by name, from the last line of its log."""
    late, steps = last["late_periods"], last["robot_steps"]
    return {
        "success without help, of the last 20 episodes": f"{last['autonomous_success_last20']:.0%}",
        "trials of a policy": trials(last),
        "robot time": f"{last['robot_s'] / 60:.1f} min",
        "wall time": f"{last['wall_s'] / 60:.1f} min",
        "robot steps": steps,
        "steps with a human in charge": last["intervention_steps"],
        "vetoed / claimed successes": f"{last['vetoes']} / {last['claims']}",
        "updates": last["updates"],
        "robot steps the learner is behind": last["lag_steps"],
        "control periods more than 2 ms late": f"{late} ({late / max(1, steps):.2%})",
        "longest control period": f"{last['worst_late_s'] * 1e3:.1f} ms",
    }


def trials(last: dict[str, Any]) -> str:
    """Return how often a policy was tested and what that took."""
    return (
        f"{last.get('trials', 0)}, in {last.get('trial_episodes', 0)} episodes "
        f"and {last.get('trial_steps', 0)} robot steps"
    )


def troubles(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return named troubles and in how many episodes they were there."""
    counts: dict[str, int] = {}
    for record in records:
        for name in record.get("diagnoses", ()):
            counts[name] = counts.get(name, 0) + 1
    return {name: f"in {count} of {len(records)} episodes" for name, count in counts.items()}


def evaluation_of(run: Path) -> dict[str, Any]:
    """Return what the evaluation of a run found by name; nothing where there is none."""
    try:
        measured = read_manifest(EvaluationFigures, run / "eval.json")
    except DataError as error:  # a page without it is better than none
        return {"eval.json": error.message}
    if measured is None:
        return {}
    older = measured_before(measured.checkpoint, run / "checkpoints")
    policy = {"policy": f"{older}, not the newest one"} if older else {}
    return policy | evaluation_table(measured.model_dump())


def damage(run: Path) -> dict[str, Any]:
    """Return what of a run's log could not be read, by name."""
    _, lines = read_metrics(run)
    return {"damaged lines of metrics.jsonl, left out": lines} if lines else {}


def evaluation_table(figures: dict[str, Any]) -> dict[str, Any]:
    """Return what an evaluation found by name."""
    low, high = figures["ci95"]
    rows = {
        "judged successes": f"{figures['successes']}/{figures['episodes']}",
        "95 % interval (Wilson)": f"{low:.0%} to {high:.0%}",
    }
    rows |= {
        f"{what}, counted as failures": str(figures[what])
        for what in ("discarded", "vetoed")
        if figures.get(what)
    }
    if figures.get("true_successes") is not None:
        rows["true successes"] = f"{figures['true_successes']}/{figures['episodes']}"
        rows["false positives"] = str(figures["false_positives"])
    if figures.get("median_time_s") is not None:
        rows["median time to success"] = f"{figures['median_time_s']:.1f} s"
    return rows
