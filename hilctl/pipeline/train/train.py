"""`hilctl train`: from demonstrations and a classifier to a policy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from hilctl.agents.options import AgentOptions
from hilctl.errors import MissingStageError, UsageError
from hilctl.pipeline import stages
from hilctl.pipeline.events import Event, Report, ShouldStop, never, silent
from hilctl.pipeline.record.recording import put_away_partials
from hilctl.pipeline.run_folder.best import roll_back
from hilctl.pipeline.run_folder.manifest import KeptPolicy, changed_settings, run_manifest
from hilctl.pipeline.run_folder.resume import (
    EPISODES,
    FinishedRun,
    find_finished,
    find_unfinished,
    progress_so_far,
)
from hilctl.pipeline.run_folder.run import Run
from hilctl.pipeline.stage_checks import told_of_poor_classifiers
from hilctl.pipeline.train.processes.presence import wait_until_all_have_left
from hilctl.rewards.learnt import stages_needed
from hilctl.task.workspace import Workspace
from hilctl.training.metrics import Progress


@dataclass(frozen=True)
class Ablation:
    """What to leave out, for comparisons; the full method by default.

    Attributes:
        demonstrations: the learner gets them.
        max_steps: robot steps after which it gives up.
        help_steps: steps for which the operator may be in charge.
    """

    demonstrations: bool = True
    max_steps: int | None = None
    help_steps: int | None = None


FULL_METHOD = Ablation()


@dataclass(frozen=True)
class TrainResult:
    """How a run ended: whether it met its target, its folder, policy, counts and page."""

    reached: bool
    run: Path
    checkpoint: Path | None
    progress: Progress
    report: Path | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the final JSON object of `train --json`."""
        return self.progress.as_dict() | {
            "reached_target": self.reached,
            "run": str(self.run),
            "checkpoint": str(self.checkpoint) if self.checkpoint else None,
            "report": str(self.report) if self.report else None,
        }


def train(
    workspace: Workspace,
    *,
    seed: int = 0,
    report: Report = silent,
    stop: ShouldStop = never,
    new: bool = False,
    rollback: bool = False,
    lockstep: bool = True,
    ablation: Ablation = FULL_METHOD,
) -> TrainResult | None:
    """Train a policy in a task folder; None when stopped before the run began.

    An unfinished run is continued, with its own seed. A finished one is left as it is: see
    `find_finished`, and `go_back` for its best policy.

    Args:
        workspace: the task folder, locked by the caller.
        seed: of networks, batches, simulator and operator.
        report: told what is going on, and the counts after every episode.
        stop: asked every step; True ends the run and saves it.
        new: start another run, whatever became of the last one.
        rollback: go on with the unfinished run from its best policy.
        lockstep: act and learn in step, the same for the same seed; otherwise at their own pace, in
            processes of their own and in real time.
        ablation: what to leave out.

    Raises:
        MissingStageError: demonstrations or classifier are missing.
        DataError: they belong to another set-up.
        DeviceError: a device cannot be opened.
        UsageError: the last run is finished, and no new one is asked for.
    """
    agent = cast(AgentOptions, workspace.spec.agent.options)
    online = agent.needs_robot
    # of a reward's stages the last one holds what the others were for
    judged_by = stages_needed(workspace.spec)[-1:] if online else ()
    stages.require(workspace, *agent.stages, *judged_by)
    wait_until_all_have_left(workspace.root)
    if judged_by:
        for told in told_of_poor_classifiers(workspace):
            report(Event("phase", told))
    run = _open_run(workspace, seed, report, new=new, rollback=rollback, online=online)
    if not online:
        from hilctl.pipeline.train.offline import train_offline

        reached = train_offline(run, report, stop)
    elif lockstep:
        from hilctl.pipeline.train.lockstep import train_in_lockstep

        reached = train_in_lockstep(
            run,
            report,
            stop,
            with_demos=ablation.demonstrations,
            max_steps=ablation.max_steps,
            help_steps=ablation.help_steps,
        )
    else:
        from hilctl.pipeline.train.processes.supervisor import train_apart

        reached = train_apart(run, report, stop)
    if reached is None:
        return None
    return TrainResult(reached, run.folder, run.checkpoint, run.progress, _page(run))


def _page(run: Run) -> Path | None:
    if not run.progress.robot_steps:
        return None
    from hilctl.pipeline.report.run_report import write_run_report  # draws: a second to import

    return write_run_report(run.folder)


def go_back(workspace: Workspace, finished: FinishedRun) -> tuple[FinishedRun, str]:
    """Make the best policy of a finished run its last one; return the run, and which that is."""
    run = Run(workspace, finished.folder, finished.seed)
    run.progress = progress_so_far(finished.folder, workspace.spec)
    best = roll_back(run)
    assert run.checkpoint is not None
    return replace(finished, checkpoint=run.checkpoint), _told_rollback(run, best)


def _open_run(
    workspace: Workspace, seed: int, report: Report, *, new: bool, rollback: bool, online: bool
) -> Run:
    """Return a new run, or the unfinished one with its counts."""
    if rollback and new:
        raise UsageError("a new run has nothing to go back to", hint="leave out --new")
    if not new and (finished := find_finished(workspace)):
        raise UsageError(f"run {finished.folder.name} is finished", hint="add --new")
    unfinished = None if new or not online else find_unfinished(workspace)
    if unfinished is None and rollback:
        raise MissingStageError("there is no run to go back in", hint=workspace.command("train"))
    if unfinished is None:
        return Run(workspace, workspace.run(workspace.new_run_id(datetime.now())), seed)
    put_away_partials(unfinished.folder / EPISODES, report)
    run = Run(workspace, unfinished.folder, unfinished.seed)
    run.progress = progress_so_far(unfinished.folder, workspace.spec)
    run.started -= run.progress.wall_s
    manifest = run_manifest(run.folder)
    if manifest and (changed := changed_settings(manifest, workspace.spec)):
        words = ", ".join(changed)
        report(Event("phase", f"run {run.folder.name} goes on with other settings: {words}"))
    if rollback:
        best = roll_back(run)
        report(Event("phase", _told_rollback(run, best), figures=best.model_dump(mode="json")))
    return run


def _told_rollback(run: Run, best: KeptPolicy) -> str:
    return (
        f"run {run.folder.name}: back at the policy of robot step {best.robot_steps} "
        f"of {run.progress.robot_steps}, with {best.record}"
    )
