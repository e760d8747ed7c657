"""`hilctl doctor`: is this computer, and are a task's devices, in order?"""

from __future__ import annotations

from pathlib import Path

import typer

from hilctl.cli.options import JsonOption, TaskOption
from hilctl.cli.render import Output


def doctor(task: TaskOption = None, as_json: JsonOption = False) -> None:
    """Check this computer, and the devices of a task when there is one.

    Nothing moves. Ends with exit code 4 when something needs mending.
    """
    from hilctl.devices import Finding
    from hilctl.errors import DataError, DeviceError, TaskFileError
    from hilctl.pipeline.diagnosis import examine_computer, examine_devices
    from hilctl.task.workspace import Workspace

    output = Output(as_json=as_json)
    try:
        workspace = Workspace.find(task)
    except TaskFileError:
        if task is not None:
            raise
        workspace = None
    findings = list(examine_computer(workspace.root if workspace else Path()))
    if workspace:
        try:
            findings += examine_devices(workspace.spec)
        except (TaskFileError, DataError) as error:
            hint = f"{workspace.command('status')} shows what is wrong"
            findings.append(Finding(False, "task folder", error.message.splitlines()[0], hint))
    words = {True: "ok", False: "problem"}
    rows = [(one.subject, words[one.ok], one.detail) for one in findings]
    output.table(("subject", "state", "detail"), rows)
    output.result(
        {
            "ok": all(one.ok for one in findings),
            "findings": [
                {"subject": one.subject, "ok": one.ok, "detail": one.detail, "hint": one.hint}
                for one in findings
            ],
        }
    )
    broken = [one for one in findings if not one.ok]
    for one in broken:
        output.hint(f"{one.subject}: {one.hint or one.detail}")
    if broken:
        raise typer.Exit(DeviceError.exit_code)
    output.next(workspace.command("status") if workspace else "hilctl quickstart")
