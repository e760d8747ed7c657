"""`hilctl report`: one training run on one page."""

from __future__ import annotations

from typing import Annotated

import typer

from hilctl.cli.options import JsonOption, TaskOption
from hilctl.cli.render import Output
from hilctl.cli.suggestions import run_ids


def report(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]", help="Which run.  [default: the latest]", autocompletion=run_ids
        ),
    ] = None,
    task: TaskOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a run's page: success, help, values and cadence over time, and what was found.

    The page needs nothing beside it: send it to anybody.
    """
    from hilctl.pipeline.report.run_report import write_run_report
    from hilctl.pipeline.stages import next_command, survey
    from hilctl.task.workspace import Workspace

    output = Output(as_json=as_json)
    workspace = Workspace.find(task)
    at_work = workspace.owner() is not None
    page = write_run_report(workspace.existing_run(run), at_work=at_work)
    output.say(f"report: {page}")
    step = next_command(workspace, survey(workspace))
    output.next(step)
    output.result({"report": str(page), "next": step})
