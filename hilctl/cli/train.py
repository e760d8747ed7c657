"""`hilctl train`: learn the task online, with a human in the loop."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated

import typer

from hilctl.cli.options import JsonOption, MotionOption, SeedOption, TaskOption, WeightsOption
from hilctl.cli.render import Output
from hilctl.cli.suggestions import run_ids

if TYPE_CHECKING:
    from hilctl.pipeline.run_folder.resume import FinishedRun
    from hilctl.pipeline.train.train import TrainResult
    from hilctl.task.workspace import Workspace


class Rollback(enum.StrEnum):
    """What can be gone back to."""

    BEST = "best"


def train(
    task: TaskOption = None,
    weights: WeightsOption = None,
    seed: SeedOption = 0,
    new: Annotated[
        bool, typer.Option("--new", help="Start another run, whatever became of the last one.")
    ] = False,
    like: Annotated[
        str | None,
        typer.Option(
            "--like",
            metavar="RUN",
            help="Another run with a run's settings and seed.",
            autocompletion=run_ids,
        ),
    ] = None,
    rollback: Annotated[
        Rollback | None,
        typer.Option("--rollback", help="Go back to the best policy of the last run."),
    ] = None,
    lockstep: Annotated[
        bool,
        typer.Option("--lockstep", help="Act and learn in step: the same seed, the same run."),
    ] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a live view.")] = False,
    allow_motion: MotionOption = False,
    as_json: JsonOption = False,
) -> None:
    """Learn the task online: the policy acts, you help when it is stuck, it learns from both.

    When the last twelve episodes come near the target, and else once in twenty, its policy goes on
    trial, greedy, until it passes or is given up. One that fails twice as often as the target
    allows passes with a probability of at most 5 % in the whole run, however often that is tried.

    Ctrl-C stops the robot, saves and leaves; the same command then goes on where it was. A run that
    passed or met its limit is finished: it stays as it is, and --new starts another.
    """
    from hilctl.cli.dashboard import Dashboard
    from hilctl.cli.hand_keys import hand_keys
    from hilctl.cli.interrupt import interruptible
    from hilctl.cli.prompts import confirm_motion
    from hilctl.pipeline.run_folder.resume import find_finished, settings_of
    from hilctl.pipeline.train.train import train as train_policy
    from hilctl.task.workspace import Workspace

    output = Output(as_json=as_json)
    workspace = Workspace.find(task).with_weights(weights)
    if like is not None:
        workspace, seed = settings_of(workspace, like)
    new = new or like is not None
    if not new and (finished := find_finished(workspace)):
        _leave_finished(output, workspace, finished, rollback=rollback is not None)
        return
    confirm_motion(output, workspace.spec, allowed=allow_motion)
    title, keys = f"hilctl train {workspace.spec.name}", hand_keys(workspace.spec)
    dashboard = Dashboard(output, title, plain=plain, keys=keys)
    again = workspace.command("train")  # whatever the options: they were for the start
    with workspace.lock("train"), interruptible(again) as stop, dashboard:
        result = train_policy(
            workspace,
            seed=seed,
            new=new,
            rollback=rollback is not None,
            lockstep=lockstep,
            report=dashboard.report,
            stop=stop,
        )
    if result is not None:
        say_how_it_went(output, result)
    stop.leave_if_interrupted(again)
    if result is not None:
        if result.checkpoint:
            output.next(workspace.command("eval"))
        output.result(result.as_dict())


def _leave_finished(
    output: Output, workspace: Workspace, finished: FinishedRun, *, rollback: bool
) -> None:
    """Say that a run is finished, and what can be done; go back to its best policy if asked to."""
    from hilctl.pipeline.train.train import go_back

    output.say(
        f"run {finished.folder.name} is finished: {finished.how}; "
        f"another one: {workspace.command('train --new')}"
    )
    if rollback:
        with workspace.lock("train"):
            finished, told = go_back(workspace, finished)
        output.say(told)
    output.next(workspace.command("eval"))
    output.result(finished.as_dict())


def say_how_it_went(output: Output, result: TrainResult) -> None:
    """Tell whether the target was met, and what it took."""
    from hilctl.pipeline.run_folder.resume import how_it_was_met

    progress = result.progress
    met = how_it_was_met(progress.robot_steps)
    how = met if result.reached else "stopped before the target was reached"
    robot = (
        f"{progress.robot_steps} robot steps ({progress.robot_s / 60:.1f} min), "
        f"{progress.trial_steps} on trial, "
        f"{progress.intervention_steps} with a human in charge, {progress.vetoes} vetoes, "
        f"{progress.claims} claims, "
    )
    learnt = f"{progress.updates} updates in {progress.wall_s:.0f} s"
    output.say(f"{how}: {robot if progress.robot_steps else ''}{learnt}")
    output.say(f"policy: {result.checkpoint or 'none, nothing has been learnt yet'}")
    if result.report:
        output.say(f"report: {result.report}")
