"""`hilctl calibrate` in the simulator, whose cameras are known exactly."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from hilctl.calibration.views import read_picture
from hilctl.sim.scenes import InsertScene

if TYPE_CHECKING:
    from conftest import Hilctl

BOARDS = {"wrist": "charuco:7x5:20mm:15mm", "side": "charuco:7x5:12mm:9mm"}
MOUNTS = {"wrist": "tool", "side": "world"}
STILL_PX = 480


def truth(view: str) -> tuple[float, RigidTransform]:
    """Return focal length in px and `T_parent_cam` of a camera of the insert scene."""
    model = InsertScene().build()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    focal_px = 0.5 * STILL_PX / np.tan(np.deg2rad(model.camera(view).fovy[0]) / 2)
    T_base_cam = placed(data.camera(view)) * RigidTransform.from_rotation(
        Rotation.from_rotvec([np.pi, 0, 0])
    )
    return focal_px, placed(data.site("tcp")).inv() * T_base_cam if view == "wrist" else T_base_cam


def placed(thing: object) -> RigidTransform:
    turn = Rotation.from_matrix(thing.xmat.reshape(3, 3))  # type: ignore[attr-defined]
    return RigidTransform.from_components(thing.xpos, turn)  # type: ignore[attr-defined]


@pytest.mark.parametrize("camera", list(BOARDS))
def test_a_camera_of_the_simulator_is_found_where_it_is(hilctl: Hilctl, camera: str) -> None:
    assert hilctl("new-task", "peg", "--defaults").code == 0
    common = ("--task", "peg", "--camera", camera)
    answer = hilctl("calibrate", "intrinsics", *common, "--mount", MOUNTS[camera], "--json")
    assert answer.code == 0, answer.err
    intrinsics = answer.json["intrinsics"]
    focal_px, T_parent_cam = truth(camera)
    (fx, _, cx), (_, fy, cy), _ = intrinsics["K"]
    assert [fx, fy] == pytest.approx([focal_px] * 2, rel=0.003)
    assert [cx, cy] == pytest.approx([(STILL_PX - 1) / 2] * 2, abs=1.0)
    assert intrinsics["held_out_rms_px"][intrinsics["model"]] < 0.3
    following = answer.json["next"]
    assert following.startswith(f"hilctl calibrate hand-eye --camera {camera}")
    assert BOARDS[camera] in following

    answer = hilctl(*shlex.split(following)[1:], "--json")
    assert answer.code == 0, answer.err
    found = np.array(answer.json["hand_eye"]["T_parent_cam"])
    T_found = RigidTransform.from_components(found[:3], Rotation.from_quat(found[3:]))
    off = T_parent_cam.inv() * T_found
    assert np.linalg.norm(off.translation) < 0.001
    assert np.degrees(off.rotation.magnitude()) < 0.1
    assert answer.json["hand_eye"]["verdict"] == "accepted"
    kept = json.loads(Path(answer.json["file"]).read_text())
    assert kept["camera"] == camera
    assert kept["size_px"] == [128, 128]
    assert kept["hand_eye"]["mount"] == MOUNTS[camera]
    assert "accepted" in hilctl("calibrate", "--task", "peg").out
    answer = hilctl("calibrate", "verify", *common, "--out", "seen.png")
    assert answer.code == 0, answer.err
    assert read_picture(Path("seen.png")).shape == (STILL_PX, STILL_PX, 3)


def test_a_board_is_printed_without_a_task(hilctl: Hilctl, here: Path) -> None:
    answer = hilctl("calibrate", "board", "--board", "chessboard:9x6:25mm", "--out", "b.pdf")
    assert answer.code == 0
    assert "chessboard:9x6:25mm on A4" in answer.out
    assert "next: hilctl calibrate intrinsics --board chessboard:9x6:25mm" in answer.out
    assert (here / "b.pdf").read_bytes().startswith(b"%PDF")


def test_references_are_taken_first_and_compared_with_afterwards(hilctl: Hilctl) -> None:
    hilctl("new-task", "peg", "--defaults")
    first = hilctl("calibrate", "drift", "--task", "peg", "--json")
    assert first.code == 0, first.err
    assert set(first.json["references"]) == {"wrist", "side"}
    second = hilctl("calibrate", "drift", "--task", "peg", "--json")
    assert max(second.json["shift_px"].values()) < 1.0
    assert second.json["references"] == {}
    third = hilctl("calibrate", "drift", "--task", "peg", "--accept", "--json")
    assert set(third.json["references"]) == {"wrist", "side"}


WRONG = {
    "no such camera": (["intrinsics", "--camera", "wirst"], 2, "did you mean 'wrist'?"),
    "which camera": (["intrinsics"], 2, "--camera wrist or side"),
    "which mount": (["intrinsics", "--camera", "wrist"], 2, "--mount tool"),
    "no board": (["intrinsics", "--camera", "wrist", "--board", "a4"], 2, "write it like charuco"),
    "no folder": (["intrinsics", "--camera", "wrist", "--images", "absent"], 7, "no folder absent"),
    "no intrinsics": (
        ["hand-eye", "--camera", "wrist", "--mount", "tool", "--images", "peg"],
        5,
        "hilctl calibrate intrinsics --camera wrist",
    ),
    "nothing to verify": (["verify", "--camera", "side"], 5, "calibrate intrinsics --camera side"),
    "wrong board": (
        [
            "intrinsics",
            "--camera",
            "wrist",
            "--mount",
            "tool",
            "--board",
            "charuco:7x5:300mm:220mm",
        ],
        7,
        "not in view",
    ),
}


@pytest.mark.parametrize("name", list(WRONG))
def test_what_cannot_be_is_refused_with_what_to_do(hilctl: Hilctl, name: str) -> None:
    arguments, code, words = WRONG[name]
    hilctl("new-task", "peg", "--defaults")
    answer = hilctl("calibrate", *arguments, "--task", "peg")
    assert answer.code == code
    assert words in answer.err


def test_before_anything_is_known_the_overview_says_how_to_begin(hilctl: Hilctl) -> None:
    hilctl("new-task", "peg", "--defaults")
    answer = hilctl("calibrate", "--task", "peg")
    assert answer.code == 0
    assert answer.out.count("unknown") == 4
    assert "next: hilctl calibrate intrinsics --task peg --camera wrist" in answer.out or (
        "calibrate intrinsics --camera wrist --task peg" in answer.out
    )
