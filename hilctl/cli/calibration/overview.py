"""What is known of each camera, and the command for what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hilctl.cli.render import Output

if TYPE_CHECKING:
    from hilctl.calibration.record import CameraRecord
    from hilctl.task.workspace import Workspace

PARTS = ("exposure", "reference", "intrinsics", "hand_eye")


def overview(output: Output, workspace: Workspace) -> None:
    """Show what is known of each camera, and what comes next."""
    from hilctl.pipeline.calibrate.identity import all_records

    table(output, workspace)
    records, step = all_records(workspace), next_step(workspace)
    cameras = {
        name: {
            "crop": spec.crop,
            **{part: getattr(records.get(name), part, None) is not None for part in PARTS},
        }
        for name, spec in workspace.spec.cameras.items()
    }
    output.next(step)
    output.result({"cameras": cameras, "next": step})


def table(output: Output, workspace: Workspace) -> None:
    """Show what is known of each camera."""
    from hilctl.pipeline.calibrate.identity import all_records

    records = all_records(workspace)
    rows = []
    for name, spec in workspace.spec.cameras.items():
        crop = ",".join(map(str, spec.crop)) if spec.crop else "all of it"
        rows.append((name, crop, *_measured(records.get(name))))
    output.table(("camera", "seen of it", "exposure", "reference", "intrinsics", "hand-eye"), rows)


def _measured(record: CameraRecord | None) -> tuple[str, str, str, str]:
    """Return in words exposure, reference, intrinsics and hand-eye."""
    if record is None:
        return "unknown", "none", "unknown", "unknown"
    exposure, lens, place = record.exposure, record.intrinsics, record.hand_eye
    not_measured = "its maker's" if record.factory else "unknown"
    return (
        "unknown" if exposure is None else "held" if exposure.controls else "compared",
        record.reference.at[:10] if record.reference else "none",
        f"{lens.model}, {lens.rms_px:.2f} px" if lens else not_measured,
        f"{place.verdict}, {place.held_out}" if place else "unknown",
    )


def next_step(workspace: Workspace) -> str:
    """Return the command for what learning needs of the cameras, else for the task's next stage.

    Intrinsics and hand-eye are for those who want them: no stage needs them.
    """
    from hilctl.pipeline.calibrate.identity import all_records
    from hilctl.pipeline.stages import next_command, survey

    records = all_records(workspace)
    names = list(workspace.spec.cameras)
    for part, step in (("exposure", "exposure"), ("reference", "drift")):
        if any(getattr(records.get(name), part, None) is None for name in names):
            return workspace.command(f"calibrate {step}")
    return next_command(workspace, survey(workspace))
