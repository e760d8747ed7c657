"""`hilctl train`: learn the task online, with a human in the loop."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated

import typer

from hilctl.cli.options import JsonOption, MotionOption, SeedOption, TaskOption, WeightsOption
from hilctl.cli.render import Output
from hilctl.cli.suggestions import run_ids

if TYPE_CHECKING:
    from hilctl.pipeline.train import TrainResult


class Rollback(enum.StrEnum):
    """What can be gone back to."""

    BEST = "best"


def train(
    task: TaskOption = None,
    weights: WeightsOption = None,
    seed: SeedOption = 0,
    new: Annotated[
        bool, typer.Option("--new", help="Start another run; do not go on with an unfinished one.")
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
        typer.Option("--rollback", help="Go on with the last run from its best policy."),
    ] = None,
    lockstep: Annotated[
        bool,
        typer.Option("--lockstep", help="Act and learn in turns: the same seed, the same run."),
    ] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a live view.")] = False,
    allow_motion: MotionOption = False,
    as_json: JsonOption = False,
) -> None:
    """Learn the task online: the policy acts, you help when it is stuck, it learns from both.

    Stops by itself when the last 20 untouched episodes come near the target and 30 greedy ones
    exceed it. Ctrl-C stops the robot, saves and leaves; the same command then goes on where it was.
    """
    from hilctl.cli.dashboard import Dashboard
    from hilctl.cli.interrupt import interruptible
    from hilctl.cli.prompts import confirm_motion
    from hilctl.pipeline import train as pipeline
    from hilctl.pipeline.resume import settings_of
    from hilctl.task.workspace import Workspace

    output = Output(as_json=as_json)
    workspace = Workspace.find(task).with_weights(weights)
    if like is not None:
        workspace, seed = settings_of(workspace, like)
    confirm_motion(output, workspace.spec, allowed=allow_motion)
    dashboard = Dashboard(output, f"hilctl train {workspace.spec.name}", plain=plain)
    again = workspace.command("train")  # whatever the options: they were for the start
    with workspace.lock("train"), interruptible(again) as stop, dashboard:
        result = pipeline.train(
            workspace,
            seed=seed,
            new=new or like is not None,
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


def say_how_it_went(output: Output, result: TrainResult) -> None:
    """Tell whether the target was met, and what it took."""
    progress = result.progress
    how = "target reached" if result.reached else "stopped before the target was reached"
    output.say(
        f"{how}: {progress.robot_steps} robot steps ({progress.robot_s / 60:.1f} min), "
        f"{progress.intervention_steps} with a human in charge, {progress.vetoes} vetoes, "
        f"{progress.claims} claims, {progress.updates} updates in {progress.wall_s:.0f} s"
    )
    output.say(f"policy: {result.checkpoint or 'none, nothing has been learnt yet'}")
    if result.report:
        output.say(f"report: {result.report}")
