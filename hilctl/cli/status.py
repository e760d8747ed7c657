"""`hilctl status`: every stage of a task and what comes next, or how one training run went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hilctl.cli.options import JsonOption, TaskOption
from hilctl.cli.render import Output
from hilctl.cli.suggestions import run_ids

if TYPE_CHECKING:
    from hilctl.task.workspace import Workspace


def status(
    run: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="A training run to look at.", autocompletion=run_ids),
    ] = None,
    task: TaskOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is there, what is missing and what comes next; or how one training run went."""
    from hilctl.task.workspace import Workspace

    output = Output(as_json=as_json)
    workspace = Workspace.find(task)
    if run is None:
        _stages(output, workspace)
    else:
        _run(output, workspace, run)


def _stages(output: Output, workspace: Workspace) -> None:
    from hilctl.pipeline.stages import next_command, survey

    stages = survey(workspace)
    rows = [(stage.name, stage.state.value, stage.reason) for stage in stages]
    output.table(("stage", "state", "why"), rows)
    if owner := workspace.owner():
        output.say(
            f"{owner.description} is at work here, and nothing else may write until it ends; "
            f"Ctrl-C there or kill -INT {owner.pid} stops it"
        )
    step = next_command(workspace, stages)
    output.next(step)
    keys = ("name", "state", "reason")
    output.result({"stages": [dict(zip(keys, row, strict=True)) for row in rows], "next": step})


def _run(output: Output, workspace: Workspace, name: str) -> None:
    from hilctl.pipeline.report.run_summary import read_run, training_table, troubles

    folder = workspace.existing_run(name)
    manifest, records = read_run(folder)
    rows = {"status": manifest.status, "seed": manifest.seed, "episodes": records[-1]["episodes"]}
    rows |= training_table(records[-1]) | troubles(records)
    width = max(map(len, rows))
    for key, value in rows.items():
        output.say(f"{key:{width}}  {value}")
    output.next(workspace.command(f"report {name}"))
    output.result({"run": str(folder), "status": manifest.status, **records[-1]})
