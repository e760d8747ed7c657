"""`hilctl record-demos`: show the robot how."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from hilctl.cli.options import JsonOption, MotionOption, SeedOption, TaskOption
from hilctl.cli.render import Output

if TYPE_CHECKING:
    from hilctl.pipeline.record.demos import DemosResult


def record_demos(
    task: TaskOption = None,
    count: Annotated[
        int | None,
        typer.Option(
            "-n", "--count", min=1, help="How many there shall be.  [default: training.demos]"
        ),
    ] = None,
    seed: SeedOption = 0,
    allow_motion: MotionOption = False,
    as_json: JsonOption = False,
) -> None:
    """Record successful demonstrations until there are enough.

    Those that are there already count; unsuccessful attempts are not kept. Ctrl-C stops the robot.
    """
    from hilctl.cli.hand_keys import hand_keys
    from hilctl.cli.interrupt import interruptible
    from hilctl.cli.live import LiveProgress
    from hilctl.cli.prompts import confirm_motion, keep_interrupted
    from hilctl.pipeline.record.demos import record_demos as record
    from hilctl.pipeline.stages import next_command, survey
    from hilctl.task.workspace import Workspace

    output = Output(as_json=as_json)
    workspace = Workspace.find(task)
    confirm_motion(output, workspace.spec, allowed=allow_motion)
    with workspace.lock("record-demos"), interruptible() as stop, ExitStack() as view:

        def keep() -> bool:
            view.close()  # a live bar and a question cannot share a terminal
            return keep_interrupted(output, " It does not count as a demonstration")

        live = view.enter_context(LiveProgress(output, hand_keys(workspace.spec)))
        result = record(workspace, count=count, seed=seed, report=live.report, stop=stop, keep=keep)
    _say(output, result, workspace.spec.training.demos)
    stop.leave_if_interrupted()
    step = next_command(workspace, survey(workspace))
    output.next(step)
    output.result({**result.as_dict(), "next": step})


def _say(output: Output, result: DemosResult, asked_for: int) -> None:
    several = "s" if result.attempts > 1 else ""
    attempts = f", {result.attempts} attempt{several}" if result.attempts else ""
    output.say(
        f"{result.demos} of {result.wanted} demonstrations are there: "
        f"{result.recorded} new{attempts}, {result.robot_s / 60:.1f} robot minutes"
    )
    if result.demos < asked_for != result.wanted:
        output.say(f"the task file asks for {asked_for} (training.demos)")
