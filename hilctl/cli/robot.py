"""`hilctl robot`: what is done to an arm only because a person asks for it."""

from __future__ import annotations

from typing import Annotated

import typer

from hilctl.cli.options import JsonOption, MotionOption, TaskOption
from hilctl.cli.render import Output


def robot(
    chore: Annotated[
        str | None, typer.Argument(help="What to do, such as clear-errors.  [default: tell all]")
    ] = None,
    arm: Annotated[
        str | None, typer.Option("--arm", metavar="NAME", help="Which one of several.")
    ] = None,
    task: TaskOption = None,
    allow_motion: MotionOption = False,
    as_json: JsonOption = False,
) -> None:
    """Do to the arm what is done on a person's word alone: clear an error, start its controller.

    Without a word it tells what this robot knows of that kind.
    """
    from hilctl.cli.prompts import confirm_free_space
    from hilctl.pipeline.maintenance import chores, do_chore
    from hilctl.task.workspace import Workspace

    output = Output(as_json=as_json)
    workspace = Workspace.find(task)
    known = chores(workspace, arm)
    if chore is None:
        _tell(output, dict(known))
        output.result({"chores": dict(known)})
        return
    if chore in known and not allow_motion:
        output.say(f"{known[chore]}; the arm may move")
        confirm_free_space(output)
    with workspace.lock("robot"):
        do_chore(workspace, chore, arm)
    output.say(f"done: {known[chore]}")
    step = workspace.command("doctor")
    output.next(step)
    output.result({"chore": chore, "next": step})


def _tell(output: Output, known: dict[str, str]) -> None:
    if known:
        output.table(("chore", "what it does"), list(known.items()))
    else:
        output.say("there is nothing of that kind to do to this robot")
