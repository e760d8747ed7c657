"""Going on with a training run that was stopped or cut off.

Counts are made again from the episodes, which are on disk one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hilctl.data.episode import Episode
from hilctl.data.header import damaged
from hilctl.data.step import EpisodeSummary
from hilctl.errors import DataError, MissingStageError
from hilctl.pipeline.record.recording import open_dataset
from hilctl.pipeline.run_folder.manifest import DEATHS, RunManifest, run_manifest
from hilctl.pipeline.run_folder.metrics_log import read_metrics
from hilctl.task.fingerprint import explain_difference, policy_fingerprint, policy_identity
from hilctl.task.load import task_from_dump
from hilctl.task.spec import TaskSpec
from hilctl.task.workspace import Workspace
from hilctl.training.metrics import Progress

EPISODES = "episodes"
LOGGED = ("robot_s", "wall_s", "late_periods", "worst_late_s", "safety_stops", "reward_version")


def how_it_was_met(robot_steps: int) -> str:
    """Say of a run that has come to its aim what that was: without a robot nothing is on trial."""
    return "target reached" if robot_steps else "learnt from the demonstrations alone"


@dataclass(frozen=True)
class UnfinishedRun:
    """What can be gone on with."""

    folder: Path
    seed: int


@dataclass(frozen=True)
class FinishedRun:
    """A run that has come to its end.

    Attributes:
        folder: of the run.
        reached: whether a policy passed its trial, or all was learnt without a robot; None = an
            older version made it, nobody knows.
        checkpoint: its last policy.
        seed: of the run.
        figures: its counts.
    """

    folder: Path
    reached: bool | None
    checkpoint: Path
    seed: int
    figures: Mapping[str, Any]

    @property
    def how(self) -> str:
        """How it ended, in words."""
        if self.reached is False:
            return (
                "stopped at its limit before the target was reached "
                "(it goes on when training.max_robot_minutes is raised)"
            )
        if self.reached is None:
            return "training finished"
        return how_it_was_met(self.figures.get("robot_steps", 0))

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object of `train --json` that finds it finished."""
        return {
            **self.figures,
            "already_finished": True,
            "reached_target": self.reached,
            "run": str(self.folder),
            "checkpoint": str(self.checkpoint),
        }


def find_finished(workspace: Workspace) -> FinishedRun | None:
    """Return the newest run if there is nothing left to do in it, else None.

    One that ended at a limit that has been raised since goes on; one with a policy of another
    set-up is history, and so is one without any.

    Raises:
        DataError: its manifest is damaged.
    """
    runs = workspace.all_runs()
    manifest = run_manifest(runs[-1]) if runs else None
    if manifest is None or manifest.checkpoint is None or _is_open(manifest, workspace.spec):
        return None
    if manifest.policy_fingerprint != policy_fingerprint(workspace.spec):
        return None
    return FinishedRun(
        runs[-1],
        manifest.reached_target,
        runs[-1] / manifest.checkpoint,
        manifest.seed,
        manifest.progress,
    )


def _is_open(manifest: RunManifest, spec: TaskSpec) -> bool:
    if manifest.status != "finished":
        return True
    limit_s = spec.training.max_robot_minutes * 60
    return manifest.reached_target is False and manifest.progress.get("robot_s", 0.0) < limit_s


def find_unfinished(workspace: Workspace) -> UnfinishedRun | None:
    """Return the newest run if it was stopped, cut off or has a higher limit now, else None.

    Raises:
        DataError: it was for another set-up, or its files are damaged.
    """
    runs = workspace.all_runs()
    manifest = run_manifest(runs[-1]) if runs else None
    if manifest is None or not _is_open(manifest, workspace.spec):
        return None
    spec, folder = workspace.spec, runs[-1]
    if manifest.policy_fingerprint != policy_fingerprint(spec):
        if manifest.status == "finished":
            return None
        differences = explain_difference(policy_identity(spec), manifest.policy_identity)
        raise DataError(
            f"the unfinished run {folder.name} is for another set-up: " + "; ".join(differences),
            where=str(folder),
            hint="put task.yaml back as it was, or start another run: hilctl train --new",
        )
    return UnfinishedRun(folder, manifest.seed)


def settings_of(workspace: Workspace, run_id: str) -> tuple[Workspace, int]:
    """Return the task folder with the settings of an earlier run, and that run's seed.

    Raises:
        MissingStageError: there is no such run.
        DataError: its manifest is damaged, or of another version.
    """
    run = workspace.existing_run(run_id)
    manifest = run_manifest(run)
    if manifest is None:
        raise MissingStageError(f"run {run_id} has no manifest.json", where=str(run))
    dump = manifest.model_dump().get("spec")
    if not isinstance(dump, dict):
        raise DataError(f"run {run_id} does not say what it was made with", where=str(run))
    return Workspace(workspace.root, spec=task_from_dump(dump)), manifest.seed


def progress_so_far(folder: Path, spec: TaskSpec) -> Progress:
    """Return the counts of a run from its episodes, its times from its log, its deaths as it says.

    Raises:
        DataError: an episode is unreadable or of another task, or the run's manifest is damaged.
    """
    progress = Progress()
    if (folder / EPISODES).is_dir():
        for episode in open_dataset(folder / EPISODES, spec).episodes():
            progress.count(summary_of(episode), trial=trial_of(episode))
    records, _ = read_metrics(folder)
    for name in LOGGED if records else ():
        setattr(progress, name, records[-1].get(name, 0))  # a log may be of an older version
    manifest = run_manifest(folder)
    counts = manifest.progress if manifest else {}
    for name in DEATHS:
        setattr(progress, name, counts.get(name, 0))
    return progress


def trial_of(episode: Episode) -> int:
    """Return the number of the trial that a stored episode belongs to; 0 = none."""
    return int(episode.header.attributes.get("trial", 0))


def summary_of(episode: Episode) -> EpisodeSummary:
    """Return how a stored episode went.

    Raises:
        DataError: the file does not say.
    """
    header = episode.header
    known = header.attributes
    try:
        return EpisodeSummary(
            outcome=header.outcome,
            steps=header.num_samples,
            duration_s=float(known["duration_s"]),
            intervention_steps=int(episode.intervened.sum()),
            judged_success=bool(known["judged_success"]),
            true_success=header.true_success,
            vetoed=bool(known["vetoed"]),
            claimed=bool(known["claimed"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(header.path, f"it does not say how it went: {error}") from error
