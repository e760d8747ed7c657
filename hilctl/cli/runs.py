"""`hilctl runs`: the training runs of a task, listed and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hilctl.cli.options import JsonOption, TaskOption
from hilctl.cli.render import Output
from hilctl.cli.suggestions import run_ids

if TYPE_CHECKING:
    from hilctl.pipeline.runs.listing import RunOverview
    from hilctl.task.workspace import Workspace


def runs(
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="One to look at, or two to compare.  [default: list all]",
            autocompletion=run_ids,
        ),
    ] = None,
    task: TaskOption = None,
    as_json: JsonOption = False,
) -> None:
    """List training runs, or compare two: figures, and what their task files say differently.

    A run's name is when it was begun, human are the steps with a human in charge, trial is how its
    best policy did, success is that without help of the last 20 episodes, policy is the robot step
    of the last one, beside which a best one may be kept. What cannot be read is named.
    """
    from hilctl.errors import UsageError
    from hilctl.pipeline.runs.listing import list_runs
    from hilctl.task.workspace import Workspace

    output = Output(as_json=as_json)
    workspace = Workspace.find(task)
    if not ids:
        _list(output, workspace, list_runs(workspace))
        return
    if len(ids) > 2:
        hint = workspace.command(f"runs {ids[0]} {ids[1]}")
        raise UsageError(f"two runs can be compared, not {len(ids)}", hint=hint)
    names = [workspace.existing_run(name).name for name in ids]
    found = {run.id: run for run in list_runs(workspace)}
    _compare(output, workspace, [found[name] for name in names])


def _list(output: Output, workspace: Workspace, found: list[RunOverview]) -> None:
    from hilctl.pipeline.runs.comparison import in_a_line
    from hilctl.pipeline.stages import next_command, survey

    lines = [in_a_line(run) for run in found]
    if lines:
        output.table(tuple(lines[0]), [tuple(line.values()) for line in lines])
    else:
        output.say(f"there is no training run in {workspace.runs}")
    _tell_problems(output, found)
    if len(found) > 1:
        step = workspace.command(f"runs {found[-2].id} {found[-1].id}")
    else:
        step = next_command(workspace, survey(workspace))
    output.next(step)
    output.result({"runs": [run.as_dict() for run in found], "next": step})


def _compare(output: Output, workspace: Workspace, found: list[RunOverview]) -> None:
    from hilctl.pipeline.runs.comparison import compare_figures, compare_tasks

    names = tuple(run.id for run in found)
    output.table(("", *names), compare_figures(found))
    differing: list[tuple[str, str, str]] = []
    if len(found) == 2:
        differing = compare_tasks(found[0], found[1])
        output.say()
        if all(run.spec for run in found) and not differing:
            output.say("their task files say the same")
        elif differing:
            output.table(("differs in the task file", *names), differing)
    _tell_problems(output, found)
    step = workspace.command(f"report {found[-1].id}")
    output.next(step)
    output.result(
        {
            "runs": [run.as_dict() for run in found],
            "task_differs": {key: [ours, theirs] for key, ours, theirs in differing},
            "next": step,
        }
    )


def _tell_problems(output: Output, found: list[RunOverview]) -> None:
    for run in found:
        for problem in run.problems:
            output.say(f"mind: run {run.id}: {problem}")
