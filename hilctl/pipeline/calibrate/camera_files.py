"""Where the calibration of a camera lies in a task folder, and how a step changes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hilctl.calibration.intrinsics import Intrinsics
from hilctl.calibration.record import CameraRecord, read_record, write_record
from hilctl.errors import MissingStageError, UsageError
from hilctl.pipeline.parts import require_one_arm
from hilctl.registry import did_you_mean
from hilctl.task.files import os_errors
from hilctl.task.load import load_task
from hilctl.task.plugins import frame_size_px
from hilctl.task.workspace import Workspace


def require_robot(workspace: Workspace) -> None:
    """Check that a task has a robot and cameras, which can be calibrated.

    Raises:
        UsageError: it has an environment in their place, or several robots.
    """
    as_written = Workspace(workspace.root, spec=load_task(workspace.task_file))
    require_one_arm(
        as_written,  # without crops: one that no longer fits is chosen anew here
        "calibrate",
        "calibrate in a task folder with one of the arms and the same cameras",
    )
    if as_written.spec.environment is not None:
        raise UsageError(
            "this task has an environment in place of robot and cameras: "
            "there is nothing to calibrate",
            where=str(workspace.task_file),
            hint=workspace.command("status"),
        )


def only_camera(workspace: Workspace) -> str:
    """Return the one camera of a task.

    Raises:
        UsageError: there are several.
    """
    names = list(workspace.spec.cameras)
    if len(names) == 1:
        return names[0]
    raise UsageError(
        f"the task has {len(names)} cameras", hint=f"say which: --camera {' or '.join(names)}"
    )


class CameraFiles:
    """One camera's corner of the folder `calibration/`.

    Args:
        workspace: the task folder.
        camera: name of a camera in the task file.

    Raises:
        UsageError: the task has no such camera.
    """

    def __init__(self, workspace: Workspace, camera: str) -> None:
        cameras = workspace.spec.cameras
        if camera not in cameras:
            hint = did_you_mean(camera, list(cameras))
            raise UsageError(f"the task has no camera called '{camera}'", hint=hint)
        self.camera, self.spec = camera, cameras[camera]
        self.workspace = workspace
        self.folder = workspace.calibration
        self.record_file = self.folder / f"{camera}.json"
        self.pictures = self.folder / camera
        self.unfinished_pictures = self.folder / f"{camera}-unfinished"

    def page(self, step: str) -> Path:
        """Return the page of a step, for people."""
        return self.folder / f"{self.camera}-{step}.html"

    @property
    def reference_file(self) -> Path:
        """The picture that later ones are compared with."""
        return self.folder / f"{self.camera}-reference.png"

    def record(self) -> CameraRecord | None:
        """Return what is known of the camera.

        Raises:
            DataError: the file is damaged.
        """
        return read_record(self.record_file)

    def command(self, step: str) -> str:
        """Return the command line for a step with this camera."""
        return self.workspace.command(f"calibrate {step} --camera {self.camera}")

    def record_with_lens(self, step: str = "intrinsics") -> tuple[CameraRecord, Intrinsics]:
        """Return what is known of a camera whose lens is known.

        Args:
            step: what to propose when it is not.

        Raises:
            MissingStageError: it is not.
            DataError: the file is damaged.
        """
        record = self.record()
        if record is None or record.lens is None:
            raise MissingStageError(
                f"the intrinsics of camera {self.camera} are not known",
                where=str(self.record_file),
                hint=self.command(step),
            )
        return record, record.lens

    def update(self, size_px: tuple[int, int], **parts: Any) -> CameraRecord:
        """Write new parts of the record; the others stay.

        Args:
            size_px: width and height of the raw frames.
            parts: fields of `CameraRecord`.

        Raises:
            DataError: the file that is there is damaged.
            HilctlError: the folder cannot be written.
        """
        with os_errors(self.folder):
            self.folder.mkdir(exist_ok=True)
        known = self.record() or CameraRecord(camera=self.camera, size_px=size_px)
        record = known.model_copy(update={"size_px": size_px, **parts})
        write_record(self.record_file, record)
        return record

    def raw_size_px(self) -> tuple[int, int] | None:
        """Return width and height of the raw frames, where the task file alone tells them."""
        return frame_size_px(self.spec)
