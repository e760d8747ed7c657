"""`hilctl demos`: which demonstrations there are, and putting bad ones aside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilctl.cli.options import (
    SETTINGS,
    JsonOption,
    TaskOption,
    YesOption,
    refuse_options_before,
)
from hilctl.cli.render import Output

if TYPE_CHECKING:
    from hilctl.pipeline.demos.listing import DemoFile
    from hilctl.pipeline.demos.removal import MovedDemos
    from hilctl.task.workspace import Workspace

NumbersArgument = Annotated[
    list[int], typer.Argument(metavar="N", min=0, help="Numbers, as `demos list` tells them.")
]

demos = typer.Typer(add_completion=False, rich_markup_mode=None, subcommand_metavar="[step] …")


@demos.callback(invoke_without_command=True, context_settings=SETTINGS)
def listed(context: typer.Context, task: TaskOption = None, as_json: JsonOption = False) -> None:
    """List demonstrations, put bad ones aside, and take them back.

    Without a step they are listed.
    """
    if context.invoked_subcommand is not None:
        refuse_options_before(context)
        return
    _list(Output(as_json=as_json), task)


@demos.command("list", short_help="every demonstration by its number", context_settings=SETTINGS)
def list_demos(task: TaskOption = None, as_json: JsonOption = False) -> None:
    """List demonstrations: number, steps, seconds, outcome, human steps, when.

    Those that are damaged or of another task are named.
    """
    _list(Output(as_json=as_json), task)


@demos.command("rm", short_help="put some aside", context_settings=SETTINGS)
def remove(
    numbers: NumbersArgument,
    task: TaskOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put demonstrations aside, into demos/removed; `demos restore` takes them back."""
    from hilctl.cli.prompts import confirm
    from hilctl.pipeline.demos.listing import numbered
    from hilctl.pipeline.demos.removal import chosen, remove_demos
    from hilctl.task.workspace import Workspace

    output = Output(as_json=as_json)
    workspace = Workspace.find(task)
    files = chosen(numbered(workspace.demos), numbers, workspace.demos)
    what = ", ".join(file.name for file in files)
    if not confirm(output, f"put {what} aside?", yes=yes):
        output.say("nothing was moved")
        output.next(workspace.command("demos list"))
        return
    with workspace.lock("demos rm"):
        moved = remove_demos(workspace, numbers)
    output.say(f"{len(files)} put aside, {_there(moved)}")
    back = " ".join(str(number) for number in sorted({*numbers}))
    _conclude(output, workspace, moved, back=workspace.command(f"demos restore {back}"))


@demos.command("restore", short_help="take some back", context_settings=SETTINGS)
def restore(numbers: NumbersArgument, task: TaskOption = None, as_json: JsonOption = False) -> None:
    """Take demonstrations back that were put aside."""
    from hilctl.pipeline.demos.removal import restore_demos
    from hilctl.task.workspace import Workspace

    output = Output(as_json=as_json)
    workspace = Workspace.find(task)
    with workspace.lock("demos restore"):
        moved = restore_demos(workspace, numbers)
    output.say(f"{len(moved.files)} taken back, {_there(moved)}")
    _conclude(output, workspace, moved)


def _list(output: Output, task: Path | None) -> None:
    from hilctl.pipeline.demos.listing import list_demos
    from hilctl.pipeline.demos.removal import removed_demos
    from hilctl.pipeline.stages import next_command, survey
    from hilctl.task.workspace import Workspace

    workspace = Workspace.find(task)
    there = list_demos(workspace)
    aside = removed_demos(workspace)
    if there:
        header = ("number", "recorded", "steps", "seconds", "human steps", "outcome")
        output.table(header, [_row(demo) for demo in there])
    else:
        output.say(f"no demonstration in {workspace.demos}")
    if aside:
        output.say(
            f"put aside, by number: {', '.join(map(str, aside))} "
            f"({next(iter(aside.values())).parent})"
        )
    bad = [demo for demo in there if demo.problem]
    if bad:
        command = workspace.command(f"demos rm {' '.join(str(demo.number) for demo in bad)}")
        output.hint(f"{command} puts aside what cannot be used")
    step = next_command(workspace, survey(workspace))
    output.next(step)
    output.result(
        {
            "demos": [demo.as_dict() for demo in there],
            "removed": {str(number): str(path) for number, path in aside.items()},
            "next": step,
        }
    )


def _row(demo: DemoFile) -> tuple[str, ...]:
    recorded = demo.recorded.isoformat(" ", "minutes")
    if demo.damaged:
        return (str(demo.number), recorded, "–", "–", "–", f"damaged: {demo.problem}")
    outcome = f"{demo.outcome}, {demo.problem}" if demo.problem else str(demo.outcome)
    human = str(demo.human_steps)
    return (str(demo.number), recorded, str(demo.steps), f"{demo.seconds:.1f}", human, outcome)


def _there(moved: MovedDemos) -> str:
    one = "1 demonstration is" if moved.left == 1 else f"{moved.left} demonstrations are"
    return f"{one} in the folder"


def _conclude(
    output: Output, workspace: Workspace, moved: MovedDemos, *, back: str | None = None
) -> None:
    from hilctl.pipeline.stages import next_command, survey

    if moved.index_problem:
        output.say(f"there is no index.hdf5: {moved.index_problem}")
    if back:
        output.hint(f"{back} takes them back")
    step = next_command(workspace, survey(workspace))
    output.next(step)
    output.result({**moved.as_dict(), "restore": back, "next": step})
