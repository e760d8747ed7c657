"""The stages of a task, each judged from the files on disk: what is there, and what comes next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from hilctl.agents.options import AgentOptions
from hilctl.errors import DataError, MissingStageError, UsageError
from hilctl.pipeline.run_folder.manifest import kept_policy
from hilctl.pipeline.stage_checks import (
    StageCheck,
    State,
    check_cameras,
    check_classifier,
    check_demos,
    check_evaluation,
    check_labels,
    check_policy,
    check_task,
    latest_evaluation,
)
from hilctl.rewards.learnt import classifiers_of, stages_needed
from hilctl.task.workspace import Workspace

ALWAYS = ("task", "cameras", "policy", "evaluation")  # the others follow from reward and agent


@dataclass(frozen=True)
class Stage:
    """One row of `hilctl status`: a stage's state, why, and the command that mends it."""

    name: str
    state: State
    reason: str
    command: str

    @property
    def ready(self) -> bool:
        """Whether the next stage can build on this one."""
        return self.state is State.READY


def survey(workspace: Workspace) -> list[Stage]:
    """Return every stage that the task needs, in the order of the work.

    Raises:
        TaskFileError: the task file is wrong.
    """
    spec = workspace.spec
    agent = cast(AgentOptions, spec.agent.options)
    needed = {*ALWAYS, *agent.stages, *stages_needed(spec)}
    if len(spec.each_arm) != 1:
        needed.remove("cameras")  # there is nothing to calibrate
    stages = []
    for name, (check, verb) in _TABLE.items():
        if name not in needed:
            continue
        try:
            found = check(workspace)
        except DataError as error:
            found = StageCheck(State.PARTIAL, error.message)
        command = " && ".join([*found.before, workspace.command(verb)])
        stages.append(Stage(name, found.state, found.reason, command))
    return stages


def next_command(workspace: Workspace, stages: list[Stage]) -> str:
    """Return the command for the first stage that is not ready, or one that improves the result.

    While another command is at work here, which refuses all of them: one that looks at it.
    """
    if workspace.owner() is not None:
        return _look_at(workspace)
    for stage in stages:
        if not stage.ready:
            return stage.command
    result = latest_evaluation(workspace)
    if result is None or result.success_rate < workspace.spec.training.target_success:
        run = workspace.latest_run()
        better = run is not None and _has_better_policy(run)
        return workspace.command("train --rollback best" if better else "train --new")
    return workspace.command("eval --episodes 50")


def _look_at(workspace: Workspace) -> str:
    runs = workspace.all_runs()
    has_episodes = runs and (runs[-1] / "metrics.jsonl").exists()
    return workspace.command(f"status {runs[-1].name}" if has_episodes else "status")


def require(workspace: Workspace, *names: str) -> None:
    """Check that earlier stages are ready.

    Raises:
        MissingStageError: one is missing or incomplete; the hint is the command to run.
        DataError: one no longer belongs to the task.
        UsageError: neither reward nor agent of the task need one.
    """
    stages = {stage.name: stage for stage in survey(workspace)}
    for name in names:
        if name not in stages:
            raise UsageError(
                f"neither reward nor agent of this task need {name}",
                where=str(workspace.task_file),
                hint=workspace.command("status"),
            )
    for stage in stages.values():
        if stage.name in names and not stage.ready:
            kind = DataError if stage.state is State.STALE else MissingStageError
            message = f"{stage.name} {stage.state}: {stage.reason}"
            raise kind(message, where=str(workspace.root), hint=stage.command)


def require_classifier(workspace: Workspace, verb: str) -> None:
    """Check that the task has one classifier as its reward, for verbs that show that.

    Raises:
        UsageError: its reward is another one.
    """
    reward, several = workspace.spec.reward.type, classifiers_of(workspace.spec)
    if [*several] != [""]:
        raise UsageError(
            f"{verb} goes through labels and classifier, and the reward of this task is "
            f"{reward!r}, which {'has several' if several else 'needs neither'}",
            where=str(workspace.task_file),
            hint=f"go stage by stage: {workspace.command('status')}",
        )


def _has_better_policy(run: Path) -> bool:
    """Return whether the best policy of a run is another than its last."""
    try:
        best, last = kept_policy(run / "checkpoints" / "best"), kept_policy(run / "checkpoints")
    except DataError:
        return False
    return best is not None and (last is None or best.updates != last.updates)


_TABLE: dict[str, tuple[Callable[[Workspace], StageCheck], str]] = {
    "task": (check_task, "status"),
    "cameras": (check_cameras, "calibrate"),
    "demos": (check_demos, "record-demos"),
    "labels": (check_labels, "record-labels"),
    "classifier": (check_classifier, "train-classifier"),
    "policy": (check_policy, "train"),
    "evaluation": (check_evaluation, "eval"),
}
