"""What a step of `hilctl calibrate` is about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hilctl.cli.prompts import ask, one_of
from hilctl.cli.render import Output
from hilctl.errors import UsageError

if TYPE_CHECKING:
    from hilctl.calibration.boards import Board
    from hilctl.calibration.hand_eye import Mount
    from hilctl.pipeline.calibrate.camera_files import CameraFiles
    from hilctl.task.workspace import Workspace

ON_TOOL = ("wrist", "hand", "tool", "tcp", "eye", "gripper")  # in names of cameras on the arm
DEFAULT_BOARD = "charuco:7x5:30mm:22mm"
# what the simulator's cameras see all of: on the table, and in the hand
SIM_BOARDS = {"tool": "charuco:7x5:20mm:15mm", "world": "charuco:7x5:12mm:9mm"}


@dataclass(frozen=True)
class CalibrationSetup:
    """A task's devices, to calibrate some of its cameras.

    Attributes:
        output: where words go.
        workspace: the task folder.
        seed: of simulated devices and of what is held out.
        allow_motion: what `--allow-motion` was.
    """

    output: Output
    workspace: Workspace
    seed: int = 0
    allow_motion: bool = False

    def confirm_motion(self) -> None:
        """Ask before a real robot moves.

        Raises:
            UsageError: nobody can answer, or the answer was no.
        """
        from hilctl.cli.prompts import confirm_motion

        confirm_motion(self.output, self.workspace.spec, allowed=self.allow_motion)


@dataclass(frozen=True)
class CameraJob:
    """One camera to calibrate.

    Attributes:
        setup: its devices.
        files: of the camera.
        mount: "tool" or "world"; None = it was not said.
        freehand: a person carries the board or leads the arm.
    """

    setup: CalibrationSetup
    files: CameraFiles
    mount: str | None = None
    freehand: bool = False

    @property
    def output(self) -> Output:
        """Where words go."""
        return self.setup.output

    @property
    def workspace(self) -> Workspace:
        """The task folder."""
        return self.setup.workspace

    def required_mount(self) -> Mount:
        """Return what carries the camera.

        Raises:
            UsageError: it was not said.
        """
        from hilctl.calibration.hand_eye import Mount

        if self.mount is None:
            raise UsageError(
                "where the camera is has to be said",
                hint="--mount tool for a camera on the arm, --mount world for a fixed one",
            )
        return Mount(self.mount)

    def with_mount_asked(self) -> CameraJob:
        """Return this job with what carries the camera: as it was said, known, or answered now."""
        if self.mount is not None:
            return self
        record = self.files.record()
        if record is not None and record.hand_eye is not None:
            return replace(self, mount=record.hand_eye.mount.value)
        if not self.output.interactive:
            return self
        question = f"is camera {self.files.camera} on the tool, or fixed in the world? tool, world"
        likely = "tool" if any(word in self.files.camera.lower() for word in ON_TOOL) else "world"
        return replace(self, mount=ask(self.output, question, likely, one_of("tool", "world")))

    def board(self, text: str | None, *, is_there: bool = False) -> Board:
        """Return the board that was given, else the one it was shown last, else a usual one.

        Args:
            text: what was given.
            is_there: pictures of it are; else the simulator has one on the table, and a smaller
                one in the hand.

        Raises:
            UsageError: what was given is no board.
        """
        from hilctl.calibration.boards import parse_board
        from hilctl.robots.scene import has_scene

        if text is not None:
            return parse_board(text)
        simulated = has_scene(self.workspace.spec.robot.type)
        if simulated and self.mount is not None and not is_there:
            return parse_board(SIM_BOARDS[self.mount])
        record = self.files.record()
        if record is not None and record.intrinsics is not None:
            return parse_board(record.intrinsics.made.board)
        return parse_board(DEFAULT_BOARD)
