"""A simulated person carries the board, or leads the arm, and the pictures take themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from hilctl.calibration.boards import parse_board
from hilctl.calibration.fit_hand_eye import MIN_POSES, HandEyeVerdict
from hilctl.calibration.hand_eye import Mount
from hilctl.calibration.pose_file import read_poses
from hilctl.calibration.record import IntrinsicsRecord
from hilctl.errors import DataError, DeviceError
from hilctl.pipeline.calibrate import freehand
from hilctl.pipeline.calibrate.camera_files import CameraFiles
from hilctl.pipeline.calibrate.find_hand_eye import find_hand_eye
from hilctl.pipeline.calibrate.find_intrinsics import find_intrinsics
from hilctl.pipeline.calibrate.freehand import take_freehand
from hilctl.pipeline.calibrate.pictures import POSES_FILE
from hilctl.pipeline.events import Event, never, silent
from hilctl.robots.base import RobotState
from hilctl.robots.sim import SimRobot
from hilctl.sim.scenes import InsertScene
from hilctl.task import scaffold
from hilctl.task.workspace import Workspace

CARRIED = parse_board("charuco:7x5:30mm:22mm")
ON_THE_TABLE = parse_board("charuco:7x5:20mm:15mm")
FRAME_PX, STILL_PX = 320, 480


def make_task(folder: Path) -> Workspace:
    """Make the insert scene's task, with frames in which a board can be found."""
    template = scaffold.find_template("sim-insert")
    scaffold.create(template, folder, template.answers({}))
    workspace = Workspace(folder)
    text = workspace.task_file.read_text("utf-8")
    larger = f"width_px: {FRAME_PX}, height_px: {FRAME_PX}, size: "
    workspace.task_file.write_text(text.replace("size: [128", f"{larger}[128"), "utf-8")
    return Workspace(folder)


@pytest.fixture
def task(tmp_path: Path) -> Workspace:
    return make_task(tmp_path / "peg")


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look twice a second: most of the time goes into drawing."""
    monkeypatch.setattr(freehand, "PERIOD_NS", 500_000_000)


class Listener:
    """Remember what was told, and when it is time to stop."""

    def __init__(self, pictures: int | None = None) -> None:
        self.events: list[Event] = []
        self._pictures = pictures

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def stop(self) -> bool:
        """Return whether enough pictures were told of."""
        return len(self.named("picture")) == self._pictures

    def named(self, name: str) -> list[Event]:
        return [event for event in self.events if event.name == name]


def carry(task: Workspace, camera: str, count: int, listener: Listener) -> CameraFiles:
    files = CameraFiles(task, camera)
    folder = take_freehand(
        task.spec, files, CARRIED, None, count=count, seed=0, report=listener, stop=listener.stop
    )
    assert folder in (files.pictures, files.unfinished_pictures)
    return files


def truth(view: str) -> tuple[float, RigidTransform]:
    """Return focal length in px and `T_tcp_cam` of a camera of the insert scene."""
    model = InsertScene().build()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    focal_px = 0.5 * STILL_PX / np.tan(np.deg2rad(model.camera(view).fovy[0]) / 2)
    flip = RigidTransform.from_rotation(Rotation.from_rotvec([np.pi, 0, 0]))
    return focal_px, placed(data.site("tcp")).inv() * placed(data.camera(view)) * flip


def placed(thing: object) -> RigidTransform:
    turn = Rotation.from_matrix(thing.xmat.reshape(3, 3))  # type: ignore[attr-defined]
    return RigidTransform.from_components(thing.xpos, turn)  # type: ignore[attr-defined]


def check_intrinsics(record: IntrinsicsRecord, camera: str) -> None:
    fx, fy, cx, cy = record.camera.parameters[:4]
    assert [fx, fy] == pytest.approx([truth(camera)[0]] * 2, rel=0.003)
    assert [cx, cy] == pytest.approx([(STILL_PX - 1) / 2] * 2, abs=1.0)


@pytest.mark.usefixtures("unhurried")
def test_a_board_carried_before_the_side_camera_is_enough(task: Workspace) -> None:
    listener = Listener()
    files = carry(task, "side", 12, listener)
    names = sorted(file.name for file in files.pictures.iterdir())
    assert names == [f"{number:03}.png" for number in range(1, 13)]
    told = listener.named("picture")
    assert [event.done for event in told] == list(range(1, 13))
    assert told[-1].text == "pictures 12/12 · enough"
    assert all(event.text.startswith(f"pictures {event.done}/12 · ") for event in told)
    guidance = {event.figures["guidance"] for event in listener.events}
    assert "hold still" in guidance
    assert len(guidance) > 4
    record = find_intrinsics(files, files.pictures, CARRIED, seed=0, report=silent)
    check_intrinsics(record, "side")


@pytest.mark.slow
@pytest.mark.usefixtures("unhurried")
def test_the_wrist_camera_by_hand_alone(task: Workspace) -> None:
    files = carry(task, "wrist", 12, Listener())
    record = find_intrinsics(files, files.pictures, CARRIED, seed=0, report=silent)
    check_intrinsics(record, "wrist")
    count = MIN_POSES + 2
    folder = take_freehand(
        task.spec, files, ON_THE_TABLE, Mount.TOOL,
        count=count, seed=0, report=silent, stop=never,
    )  # fmt: skip
    assert len(read_poses(folder / POSES_FILE)) == len(list(folder.glob("*.png"))) == count
    found = find_hand_eye(
        files, folder, folder / POSES_FILE, ON_THE_TABLE, Mount.TOOL, seed=0, report=silent
    )
    assert found.verdict == HandEyeVerdict.ACCEPTED
    numbers = np.array(found.T_parent_cam)
    T = RigidTransform.from_components(numbers[:3], Rotation.from_quat(numbers[3:]))
    off = truth("wrist")[1].inv() * T
    assert np.linalg.norm(off.translation) < 0.001
    assert np.degrees(off.rotation.magnitude()) < 0.1


def test_earlier_pictures_stay_until_the_new_ones_are_complete(task: Workspace) -> None:
    files = CameraFiles(task, "side")
    files.pictures.mkdir(parents=True)
    earlier = files.pictures / "earlier.png"
    earlier.write_bytes(b"")
    carry(task, "side", 14, Listener(pictures=0))
    assert earlier.is_file()
    carry(task, "side", 14, Listener(pictures=2))
    assert earlier.is_file()
    new = sorted(file.name for file in files.unfinished_pictures.iterdir())
    assert new == ["001.png", "002.png"]


def test_a_board_that_is_never_shown_ends_in_words(
    task: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamps_ns: list[int] = []
    state = SimRobot.state

    def watched(robot: SimRobot) -> RobotState:
        stamps_ns.append(robot.world.time_ns)
        return state(robot)

    monkeypatch.setattr(SimRobot, "carry_board", lambda *_: False)
    monkeypatch.setattr(SimRobot, "state", watched)
    monkeypatch.setattr(freehand, "PATIENCE_S", 8.0)
    listener = Listener()
    with pytest.raises(DataError, match=r"no new picture in 8 s, 0 of 14 .* not in view") as caught:
        carry(task, "side", 14, listener)
    assert "show all of the board" in str(caught.value.hint)
    assert (stamps_ns[-1] - stamps_ns[0]) * 1e-9 == pytest.approx(8.0, abs=0.3)
    assert "carry the board before camera side" in listener.events[0].text


def refuse(robot: SimRobot) -> None:
    raise DeviceError("the robot is switched off")


def test_a_carried_board_needs_no_robot_but_an_arm_that_is_led_does(
    task: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SimRobot, "open", refuse)
    listener = Listener()
    # simulated cameras need the robot's world: they are the next that cannot be opened
    with pytest.raises(DeviceError, match="looks at the simulated robot"):
        carry(task, "side", 14, listener)
    assert [event.text for event in listener.events] == [
        "without the robot: the robot is switched off"
    ]
    with pytest.raises(DeviceError, match="switched off"):
        take_freehand(
            task.spec, CameraFiles(task, "side"), CARRIED, Mount.WORLD,
            count=14, seed=0, report=silent, stop=never,
        )  # fmt: skip


def test_nothing_is_kept_while_the_arm_moves(
    task: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    state: Callable[[SimRobot], RobotState] = SimRobot.state
    moving = np.array([0.02, 0, 0, 0, 0, 0])
    monkeypatch.setattr(SimRobot, "state", lambda r: replace(state(r), tcp_velocity=moving))
    monkeypatch.setattr(freehand, "PATIENCE_S", 4.0)
    listener = Listener()
    with pytest.raises(DataError, match="no new picture"):
        carry(task, "wrist", 14, listener)
    assert any("hold the arm still" in event.text for event in listener.events)
    assert not CameraFiles(task, "wrist").pictures.exists()
