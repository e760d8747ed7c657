"""`hilctl doctor`: is this computer, and are a task's devices, in order?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilctl.cli.options import JsonOption, TaskOption
from hilctl.cli.render import Output

if TYPE_CHECKING:
    from hilctl.devices import Finding
    from hilctl.task.workspace import Workspace

STILLS = "doctor"


def doctor(
    task: TaskOption = None,
    seconds: Annotated[
        float,
        typer.Option("--seconds", "-s", min=0, help="How long the control loop's time is watched."),
    ] = 10.0,
    stills: Annotated[
        Path | None,
        typer.Option(
            "--stills",
            metavar="DIR",
            help="Where a still of each camera goes.  [default: doctor/ in the task folder]",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check this computer, what is plugged into it, and the devices of a task when there is one.

    Opens every device, reads it and closes it; nothing moves. Ends with exit code 4 when something
    needs mending.
    """
    from hilctl.errors import DeviceError, TaskFileError
    from hilctl.pipeline.doctor.computer import examine_computer
    from hilctl.pipeline.doctor.devices import find_hands
    from hilctl.pipeline.doctor.plugins import examine_plugins
    from hilctl.pipeline.doctor.surroundings import examine_surroundings
    from hilctl.task.workspace import Workspace

    output = Output(as_json=as_json)
    try:
        workspace = Workspace.find(task)
    except TaskFileError:
        if task is not None:
            raise
        workspace = None
    findings = list(examine_computer(workspace.root if workspace else Path()))
    findings += examine_surroundings()
    findings += find_hands()
    findings += examine_plugins()
    findings += _devices(workspace, seconds, stills)
    findings += _found_cameras(workspace, stills)
    words = {True: "ok", False: "problem", None: "not tried"}
    rows = [(one.subject, words[one.ok], one.detail) for one in findings]
    output.table(("subject", "state", "detail"), rows)
    output.result(
        {
            "ok": all(one.ok is not False for one in findings),
            "not_tried": [one.subject for one in findings if one.ok is None],
            "findings": [
                {
                    "subject": one.subject,
                    "ok": one.ok,
                    "detail": f"not tried: {one.detail}" if one.ok is None else one.detail,
                    "hint": one.hint,
                }
                for one in findings
            ],
        }
    )
    broken = [one for one in findings if one.ok is False]
    for one in broken:
        output.hint(f"{one.subject}: {one.hint or one.detail}")
    if broken:
        raise typer.Exit(DeviceError.exit_code)
    output.next(workspace.command("status") if workspace else "hilctl quickstart")


def _found_cameras(workspace: Workspace | None, stills: Path | None) -> list[Finding]:
    import tempfile

    from hilctl.errors import HilctlError
    from hilctl.pipeline.doctor.found_cameras import examine_cameras

    if workspace is None:
        folder = stills or Path(tempfile.gettempdir()) / f"hilctl-{STILLS}-{os.getuid()}"
        return list(examine_cameras(folder, {}))
    try:
        spec = workspace.spec
        with workspace.lock("doctor"):
            named, root = spec.cameras, workspace.root
            return list(examine_cameras(stills or root / STILLS, named, root))
    except HilctlError:  # said of the task's devices already
        return []


def _devices(workspace: Workspace | None, seconds: float, stills: Path | None) -> list[Finding]:
    from hilctl.devices import Finding
    from hilctl.errors import DataError, FolderBusyError, HilctlError

    if workspace is None:
        return [Finding(None, "devices", "there is no task here (--task DIR names one)")]
    try:
        spec = workspace.spec
        with workspace.lock("doctor"):
            from hilctl.cli.interrupt import interruptible
            from hilctl.pipeline.calibrate.identity import all_records
            from hilctl.pipeline.doctor.devices import examine_devices
            from hilctl.pipeline.doctor.trial import Thoroughness

            with interruptible() as stop:
                thorough = Thoroughness(seconds, stills or workspace.root / STILLS, stop)
                found = examine_devices(
                    spec, workspace.root, records=all_records(workspace), thorough=thorough
                )
                stop.leave_if_interrupted()
            return found
    except FolderBusyError as error:  # whoever it is may be moving the robot
        return [Finding(None, "devices", error.message, error.hint)]
    except HilctlError as error:
        shows = f"{workspace.command('status')} shows what is wrong"
        hint = shows if isinstance(error, DataError) else error.hint
        return [
            Finding(False, "task folder", error.message.splitlines()[0], hint),
            Finding(None, "devices", "not with this task folder"),
        ]
