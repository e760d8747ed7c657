"""`hilctl status`: every stage of a task, and what comes next."""

from __future__ import annotations

from hilctl.cli.options import JsonOption, TaskOption
from hilctl.cli.render import Output


def status(task: TaskOption = None, as_json: JsonOption = False) -> None:
    """Show what is there, what is missing and what comes next."""
    from hilctl.pipeline.stages import next_command, survey
    from hilctl.task.workspace import Workspace

    output = Output(as_json=as_json)
    workspace = Workspace.find(task)
    stages = survey(workspace)
    rows = [(stage.name, stage.state.value, stage.reason) for stage in stages]
    output.table(("stage", "state", "why"), rows)
    if owner := workspace.owner():
        output.say(f"{owner.description} is at work here")
    step = next_command(workspace, stages)
    output.next(step)
    keys = ("name", "state", "reason")
    output.result({"stages": [dict(zip(keys, row, strict=True)) for row in rows], "next": step})
