"""Pictures of a board that a person carries, or before which a person leads the arm by the hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import RigidTransform

from hilctl.calibration.boards import Board
from hilctl.calibration.capture import Capture, CaptureAdvice, SeenPicture
from hilctl.calibration.capture_turns import TurnsWanted
from hilctl.calibration.capture_views import ViewsWanted
from hilctl.calibration.hand_eye import Mount
from hilctl.calibration.pose_file import write_poses
from hilctl.calibration.views import write_picture
from hilctl.errors import DataError
from hilctl.pipeline.calibrate.camera_files import CameraFiles
from hilctl.pipeline.calibrate.devices import OpenCamera, open_camera
from hilctl.pipeline.calibrate.exposure import greet
from hilctl.pipeline.calibrate.pictures import (
    PATTERN_SQUARE_PX,
    POSES_FILE,
    begin_pictures,
    complete_pictures,
    tool_pose,
)
from hilctl.pipeline.events import Event, Figures, Report, ShouldStop
from hilctl.robots.base import RobotState
from hilctl.robots.scene import SimulatedScene
from hilctl.task.spec import TaskSpec

PERIOD_NS = 100_000_000
GUIDE_NS = 500_000_000  # words that change more often cannot be read
PATIENCE_S = 60.0
STILL_M_S, STILL_RAD_S = 0.005, 0.02


def take_freehand(
    spec: TaskSpec,
    files: CameraFiles,
    board: Board,
    mount: Mount | None,
    *,
    count: int,
    seed: int,
    report: Report,
    stop: ShouldStop,
) -> Path:
    """Photograph the board whenever a person holds it, or the arm, as it was not held yet.

    Nothing moves by itself. Poses are kept only with a `mount`: of a board that is carried they
    tell nothing.

    Args:
        spec: of the task.
        files: of the camera; earlier pictures of it are replaced when there are enough.
        board: what is looked at.
        mount: whether the camera or the board is on the tool, which is led by the hand; None = the
            board is carried, for intrinsics.
        count: of pictures; it becomes more when they lack something.
        seed: of simulated devices, and of the judgement whether the pictures do.
        report: told of every picture, and what is wanted next.
        stop: asked before every look.

    Returns:
        The folder of the pictures; one that is not complete has a name of its own.

    Raises:
        DataError: nobody shows anything new for a while.
        DeviceError: a device does not answer.
        HilctlError: the folder cannot be written.
    """
    with open_camera(
        spec, files.camera, seed, report, needs_robot=mount is not None, folder=files.workspace.root
    ) as devices:
        greet(files, devices.camera, report)
        _begin(devices, files.camera, board, mount, report)
        goal = ViewsWanted(board, seed) if mount is None else TurnsWanted(mount)
        capture = Capture(board, goal, count)
        session = FreehandSession(devices, files, capture, mount is not None, report)
        clock = devices.rig.clock
        while not capture.enough and not stop():
            looked_ns = clock.now_ns()
            session.look()
            clock.sleep_until(looked_ns + PERIOD_NS)
    return complete_pictures(files) if capture.enough else files.unfinished_pictures


def _begin(
    devices: OpenCamera, name: str, board: Board, mount: Mount | None, report: Report
) -> None:
    """Let the simulator's person begin, or say what a real one has to do."""
    robot, pattern = devices.robot, board.picture(PATTERN_SQUARE_PX)
    if mount is None:
        if not (
            isinstance(robot, SimulatedScene)
            and robot.carry_board(pattern, board.size_m, devices.camera)
        ):
            told = f"carry the board before camera {name}; left and right are as the camera sees it"
            report(Event("carry", told))
        return
    if robot is None:
        return
    if isinstance(robot, SimulatedScene):
        robot.show_board(pattern, board.size_m, in_hand=mount is Mount.WORLD)
    if not robot.lead_by_hand():
        told = "lead the arm with its own free-drive: this driver cannot let go of it"
        report(Event("lead", told))


class FreehandSession:
    """Look, keep what is wanted, and say what is wanted next.

    Args:
        devices: that are open.
        files: of the camera.
        capture: decides.
        with_poses: whether to keep where the tool was.
        report: told of every picture, and what is wanted next.
    """

    def __init__(
        self,
        devices: OpenCamera,
        files: CameraFiles,
        capture: Capture,
        with_poses: bool,
        report: Report,
    ) -> None:
        self._devices, self._files, self._capture = devices, files, capture
        self._with_poses, self._report = with_poses, report
        self._poses: dict[str, RigidTransform] = {}
        self._told, self._told_ns = "", -GUIDE_NS
        self._taken_ns = devices.rig.clock.now_ns()

    def look(self) -> None:
        """Judge what the camera sees now, and keep it if it is wanted.

        Raises:
            DataError: there was nothing new for a while.
        """
        frame, state = self._devices.look(), self._state()
        verdict = self._capture.consider(frame.image, frame.stamp_ns, self._pose(state))
        if verdict.seen is SeenPicture.WANTED:
            verdict = self._keep(state)
        if verdict.seen is SeenPicture.TAKEN:
            self._tell("picture", verdict)
            return
        now_ns = self._devices.rig.clock.now_ns()
        if now_ns - self._taken_ns > PATIENCE_S * 1e9:
            raise self._impatience(verdict)
        if verdict.guidance != self._told and now_ns - self._told_ns >= GUIDE_NS:
            self._tell("guide", verdict)

    def _keep(self, before: RobotState | None) -> CaptureAdvice:
        """Take a still picture and write it, unless it or the arm is not what it should be."""
        image = self._devices.camera.still().image
        after = self._state()
        if not (_is_still(before) and _is_still(after)):
            return CaptureAdvice(SeenPicture.MOVING, "hold the arm still")
        pose = self._pose(after)
        verdict = self._capture.keep(image, pose)
        if verdict.seen is SeenPicture.TAKEN:
            if self._capture.taken == 1:
                begin_pictures(self._files)
            name = f"{self._capture.taken:03}.png"
            write_picture(self._files.unfinished_pictures / name, image)
            if pose is not None:
                self._poses[name] = pose
                write_poses(self._files.unfinished_pictures / POSES_FILE, self._poses)
            self._taken_ns = self._devices.rig.clock.now_ns()
        return verdict

    def _tell(self, name: str, verdict: CaptureAdvice) -> None:
        taken, total = self._capture.taken, self._capture.total
        words = "enough" if self._capture.enough else verdict.guidance
        figures: Figures = {
            "picture": taken,
            "of": total,
            "seen": str(verdict.seen),
            "guidance": words,
        }
        self._report(Event(name, f"pictures {taken}/{total} · {words}", taken, total, figures))
        self._told, self._told_ns = verdict.guidance, self._devices.rig.clock.now_ns()

    def _impatience(self, verdict: CaptureAdvice) -> DataError:
        taken, total = self._capture.taken, self._capture.total
        return DataError(
            f"no new picture in {PATIENCE_S:.0f} s, {taken} of {total} are taken: "
            f"{verdict.guidance}",
            hint=f"to try those that are taken: --images {self._files.unfinished_pictures}"
            if taken
            else "show all of the board, in good light, and hold it still for half a second",
        )

    def _state(self) -> RobotState | None:
        robot = self._devices.robot
        return robot.state() if robot is not None else None

    def _pose(self, state: RobotState | None) -> RigidTransform | None:
        return tool_pose(state) if state is not None and self._with_poses else None


def _is_still(state: RobotState | None) -> bool:
    if state is None:
        return True
    along_m_s, turning_rad_s = np.linalg.norm(state.tcp_velocity.reshape(2, 3), axis=1)
    return bool(along_m_s < STILL_M_S and turning_rad_s < STILL_RAD_S)
