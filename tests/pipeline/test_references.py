"""A camera that has moved is noticed before anything is recorded or learnt with it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from small_task import make_task

from hilctl import geometry
from hilctl.calibration.hand_eye import Mount
from hilctl.calibration.record import HandEyeRecord, PoseErrorRecord, Provenance
from hilctl.cameras.base import Camera
from hilctl.errors import DataError, DeviceError
from hilctl.pipeline.calibrate.camera_files import CameraFiles
from hilctl.pipeline.calibrate.check import check_cameras
from hilctl.pipeline.calibrate.devices import open_devices
from hilctl.pipeline.calibrate.references import take_references
from hilctl.pipeline.events import Event
from hilctl.pipeline.record.demos import record_demos
from hilctl.robots.base import Robot
from hilctl.robots.sim import SimRobot
from hilctl.task import scaffold
from hilctl.task.workspace import Workspace

CAMERAS = ["wrist", "side"]


@pytest.fixture(scope="module")
def referenced(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The insert scene, with references taken."""
    template = scaffold.find_template("sim-insert")
    folder = tmp_path_factory.mktemp("references") / "peg"
    scaffold.create(template, folder, template.answers({}))
    workspace = Workspace(folder)
    with devices(workspace) as (robot, cameras):
        take_references(workspace, robot, cameras)
    return workspace


@pytest.fixture
def task(referenced: Workspace, tmp_path: Path) -> Workspace:
    """A copy of it."""
    return Workspace(Path(shutil.copytree(referenced.root, tmp_path / "peg")))


@contextmanager
def devices(workspace: Workspace, seed: int = 0) -> Iterator[tuple[Robot, dict[str, Camera]]]:
    with open_devices(workspace.spec, CAMERAS, seed) as opened:
        yield opened


def turn(robot: Robot, view: str, shift_px: float) -> None:
    """Turn a camera of the simulator so that its still picture shifts to the right."""
    assert isinstance(robot, SimRobot)
    model = robot.world.model
    camera = model.camera(view).id
    focal_px = 240 / np.tan(np.deg2rad(model.cam_fovy[camera]) / 2)
    quat = model.cam_quat[camera][[1, 2, 3, 0]]
    turned = geometry.quat_multiply(quat, geometry.quat_from_rotvec([0, shift_px / focal_px, 0]))
    model.cam_quat[camera] = turned[[3, 0, 1, 2]]


def check(
    workspace: Workspace, moved: str | None = None, shift_px: float = 0.0, seed: int = 1
) -> list[str]:
    told: list[Event] = []
    with devices(workspace, seed) as (robot, cameras):
        if moved:
            turn(robot, moved, shift_px)
        check_cameras(workspace, robot, cameras, told.append)
    return [event.text for event in told]


def test_cameras_that_have_not_moved_are_told_in_one_line(task: Workspace) -> None:
    (line,) = check(task)
    assert line.startswith("cameras against their references: wrist 0.")
    assert "; side 0." in line


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_no_false_stop_in_two_hundred_starts(task: Workspace) -> None:
    for seed in range(200):
        (line,) = check(task, seed=seed)
        assert "touched" not in line


@pytest.mark.parametrize("camera", CAMERAS)
def test_a_small_shift_is_a_remark_and_a_large_one_stops(task: Workspace, camera: str) -> None:
    (line,) = check(task, camera, 2.0)
    assert f"{camera} 2." in line or f"{camera} 1.9" in line
    assert "it may have been touched" in line
    with pytest.raises(DeviceError, match=rf"camera {camera} has moved: its picture by (5\.|4\.9)"):
        check(task, camera, 5.0)


def test_nothing_is_recorded_with_a_camera_that_has_moved(task: Workspace) -> None:
    side, wrist = CameraFiles(task, "side"), CameraFiles(task, "wrist").record()
    # as if the camera had stood elsewhere when the reference was taken
    assert wrist is not None
    side.update(wrist.size_px, reference=wrist.reference)
    with pytest.raises(DeviceError, match="camera side shows something else"):
        record_demos(task, count=1)
    assert not list(task.demos.glob("*.hdf5"))


def test_a_camera_that_sees_hardly_anything_is_no_reason_to_stop(tmp_path: Path) -> None:
    ball = make_task(tmp_path / "ball")  # over a plain table
    told: list[Event] = []
    with devices(ball) as (robot, cameras):
        take_references(ball, robot, cameras, told.append)
    (line,) = [event.text for event in told]
    assert line.startswith("camera side: it sees too little structure")
    (line,) = check(ball)
    assert "side sees too little structure to tell" in line


def test_without_references_it_is_said_that_nothing_is_checked(tmp_path: Path) -> None:
    bare = make_task(tmp_path / "ball")
    told: list[Event] = []
    with devices(bare) as (robot, cameras):
        before = robot.state().stamp_ns
        assert check_cameras(bare, robot, cameras, told.append) == []
        assert robot.state().stamp_ns == before
    assert "not checked" in told[0].text


def test_a_lost_reference_is_told_with_what_to_do(task: Workspace) -> None:
    CameraFiles(task, "wrist").reference_file.write_bytes(b"\x89PNG")
    with pytest.raises(DataError, match="missing or damaged") as caught:
        check(task)
    assert "calibrate drift --accept" in str(caught.value.hint)


def test_a_moved_camera_that_is_accepted_has_no_known_place_any_more(task: Workspace) -> None:
    files = CameraFiles(task, "side")
    place = HandEyeRecord(
        mount=Mount.WORLD,
        T_parent_cam=[0, 0, 1, 0, 0, 0, 1],
        T_other_board=[0, 0, 0, 0, 0, 0, 1],
        held_out=PoseErrorRecord(distance_m=0.001, angle_rad=0.001),
        uncertainty=PoseErrorRecord(distance_m=0.001, angle_rad=0.001),
        verdict="accepted",
        outliers=[],
        made=Provenance(board="charuco:7x5:12mm:9mm", used=[]),
    )
    files.update((128, 128), hand_eye=place)
    for moved_px, told_of in ((0.0, 0), (6.0, 1)):
        told: list[Event] = []
        with devices(task) as (robot, cameras):
            turn(robot, "side", moved_px)
            take_references(task, robot, cameras, told.append, renew=True)
        assert len([event for event in told if "has to be found again" in event.text]) == told_of
    record = files.record()
    assert record is not None
    assert record.hand_eye is None
