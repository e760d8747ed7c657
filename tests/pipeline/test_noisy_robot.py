"""Hand-eye in the simulator, whose truth is known, by a robot that is a little off.

Pictures are taken once; each trial has its own noise on the poses that the robot tells.
"""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from hilctl.calibration.boards import parse_board
from hilctl.calibration.hand_eye import Mount
from hilctl.calibration.pose_file import read_poses, write_poses
from hilctl.pipeline.calibrate.camera_files import CameraFiles
from hilctl.pipeline.calibrate.find_hand_eye import find_hand_eye
from hilctl.pipeline.calibrate.find_intrinsics import find_intrinsics
from hilctl.pipeline.calibrate.pictures import POSES_FILE, take_pictures
from hilctl.pipeline.events import never, silent
from hilctl.sim.scenes import InsertScene
from hilctl.task import scaffold
from hilctl.task.workspace import Workspace

TRIALS, POSES = 20, 15
NOISE_M, NOISE_RAD = 0.001, np.deg2rad(0.1)  # of each axis, one sigma
BOARDS = {"wrist": "charuco:7x5:20mm:15mm", "side": "charuco:7x5:12mm:9mm"}
MOUNTS = {"wrist": Mount.TOOL, "side": Mount.WORLD}


def truth(view: str) -> RigidTransform:
    """Return `T_parent_cam` of a camera of the insert scene."""
    model = InsertScene().build()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    to_opencv = RigidTransform.from_rotation(Rotation.from_rotvec([np.pi, 0, 0]))
    camera, tcp = data.camera(view), data.site("tcp")
    T_base_cam = placed(camera.xpos, camera.xmat) * to_opencv
    return placed(tcp.xpos, tcp.xmat).inv() * T_base_cam if view == "wrist" else T_base_cam


def placed(place: np.ndarray, turn: np.ndarray) -> RigidTransform:
    return RigidTransform.from_components(place, Rotation.from_matrix(turn.reshape(3, 3)))


def told_with_noise(
    poses: dict[str, RigidTransform], rng: np.random.Generator
) -> dict[str, RigidTransform]:
    return {
        name: pose
        * RigidTransform.from_components(
            rng.normal(0, NOISE_M, 3), Rotation.from_rotvec(rng.normal(0, NOISE_RAD, 3))
        )
        for name, pose in poses.items()
    }


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("view", list(MOUNTS))
def test_a_robot_off_by_a_millimetre_still_finds_its_camera(view: str, tmp_path: Path) -> None:
    template = scaffold.find_template("sim-insert")
    scaffold.create(template, tmp_path / "peg", template.answers({}))
    files = CameraFiles(Workspace(tmp_path / "peg"), view)
    board, mount, spec = parse_board(BOARDS[view]), MOUNTS[view], files.workspace.spec
    for count in (25, POSES):  # the first for the intrinsics
        images = take_pictures(
            spec, files, board, mount, count=count, seed=0, report=silent, stop=never
        )
        if count != POSES:
            find_intrinsics(files, images, board, seed=0, report=silent)
    table, rng = read_poses(images / POSES_FILE), np.random.default_rng(0)
    exact = {name: table.T_base_tcp[i] for i, name in enumerate(table.names or ())}
    off_m, off_rad = [], []
    for trial in range(TRIALS):
        table = tmp_path / "noisy.csv"
        write_poses(table, told_with_noise(exact, rng))
        found = find_hand_eye(files, images, table, board, mount, seed=trial, report=silent)
        off = truth(view).inv() * found.transform
        off_m.append(np.linalg.norm(off.translation))
        off_rad.append(off.rotation.magnitude())
    assert np.median(off_m) < 0.002
    assert np.degrees(np.median(off_rad)) < 0.5
