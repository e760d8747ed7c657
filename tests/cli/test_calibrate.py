"""`hilctl calibrate` in the simulator, whose cameras are known exactly."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import mujoco
import numpy as np
import pytest
from ruamel.yaml import YAML
from scipy.spatial.transform import RigidTransform, Rotation

from hilctl.calibration.views import read_picture
from hilctl.sim.scenes import InsertScene

if TYPE_CHECKING:
    from conftest import Hilctl

BOARDS = {"wrist": "charuco:7x5:20mm:15mm", "side": "charuco:7x5:12mm:9mm"}
MOUNTS = {"wrist": "tool", "side": "world"}
STILL_PX = 480
FEW = ("-n", "14")  # pictures
WRIST = ("--task", "peg", "--camera", "wrist", "--mount", "tool")
PICTURES = ("--images", "peg/calibration/wrist")  # that are there already


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


@pytest.mark.parametrize("camera", [pytest.param("wrist", marks=pytest.mark.slow), "side"])
def test_a_camera_of_the_simulator_is_found_where_it_is(hilctl: Hilctl, camera: str) -> None:
    assert hilctl("new-task", "peg", "--defaults").code == 0
    common = ("--task", "peg", "--camera", camera)
    answer = hilctl("calibrate", "intrinsics", *common, *FEW, "--mount", MOUNTS[camera], "--json")
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

    answer = hilctl(*shlex.split(following)[1:], *FEW, "--json")
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


def test_exposure_is_held_and_every_later_command_says_so(hilctl: Hilctl) -> None:
    hilctl("new-task", "ball", "--template", "sim-reach", "--defaults")
    answer = hilctl("calibrate", "exposure", "--task", "ball", "--json")
    assert answer.code == 0, answer.err
    assert set(answer.json["exposure"]) == {"wrist", "side"}
    assert answer.json["exposure"]["side"]["controls"]["exposure_s"] == 0.01
    assert answer.json["next"] == "hilctl calibrate drift --task ball"
    answer = hilctl("calibrate", "drift", "--task", "ball", "--json")
    assert answer.json["next"] == "hilctl record-demos --task ball"
    answer = hilctl("record-demos", "-n", "1", "--task", "ball")
    (line,) = [line for line in answer.out.splitlines() if line.startswith("cameras against")]
    assert line.count("exposure held") == 2


def test_a_crop_is_chosen_shown_and_taken_back(hilctl: Hilctl) -> None:
    hilctl("new-task", "ball", "--template", "sim-reach", "--defaults")
    hilctl("record-demos", "-n", "1", "--task", "ball")
    roi = ("calibrate", "roi", "--task", "ball", "--camera", "side")
    answer = hilctl(*roi, "--roi", "0,0,32,64")
    assert answer.code == 0, answer.err
    assert "the policy sees of camera side: 0,0,32,64" in answer.out
    assert "32×64 px fill 50% of 128×128: the rest stays black" in answer.out
    assert "of what moves in the demonstrations" in answer.out
    assert "1 episodes were recorded with another crop" in answer.out
    assert read_picture(Path("ball/calibration/side-roi.png")) is not None
    assert "0,0,32,64" in hilctl("calibrate", "--task", "ball").out
    Path("ball/demos").rename("ball/demos.old")
    answer = hilctl("record-demos", "-n", "1", "--task", "ball")
    assert "side crop 0,0,32,64; cameras are not checked for having moved" in answer.out
    hilctl("calibrate", "drift", "--task", "ball", "--camera", "wrist")
    answer = hilctl("record-demos", "-n", "2", "--task", "ball")
    assert "side without a reference, crop 0,0,32,64" in answer.out
    shutil.rmtree("ball/demos")
    Path("ball/demos.old").rename("ball/demos")
    assert "cameras.side.crop" in hilctl("status", "--task", "ball").out
    answer = hilctl(*roi, "--roi", "full", "--json")
    assert answer.json["crop"] is None
    assert answer.json["episodes_that_no_longer_fit"] == 0
    assert "cameras.side.crop" not in hilctl("status", "--task", "ball").out


def test_two_crops_that_no_longer_fit_are_mended_one_after_the_other(hilctl: Hilctl) -> None:
    hilctl("new-task", "ball", "--template", "sim-reach", "--defaults")
    for camera in ("wrist", "side"):
        hilctl("calibrate", "roi", "--task", "ball", "--camera", camera, "--roi", "0,0,64,64")
    file = Path("ball/task.yaml")
    smaller = file.read_text().replace("size: [128, 128]", "width_px: 96, height_px: 96")
    file.write_text(smaller)
    answer = hilctl("status", "--task", "ball")
    assert answer.code == 7
    assert "calibrate roi --camera wrist" in answer.err
    assert hilctl("doctor", "--task", "ball").code == 4
    roi = ("calibrate", "roi", "--task", "ball", "--roi", "full", "--json")
    answer = hilctl(*roi, "--camera", "wrist")
    assert answer.code == 0, answer.err
    assert answer.json["next"] == "hilctl calibrate roi --camera side --task ball"
    answer = hilctl(*roi, "--camera", "side")
    assert answer.json["next"] == "hilctl calibrate exposure --task ball"
    assert hilctl("status", "--task", "ball").code == 0


def test_a_damaged_episode_does_not_keep_references_from_being_told(hilctl: Hilctl) -> None:
    hilctl("new-task", "ball", "--template", "sim-reach", "--defaults")
    Path("ball/demos").mkdir()
    Path("ball/demos/episode_000001.hdf5").write_bytes(b"no HDF5")
    answer = hilctl("calibrate", "drift", "--task", "ball", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["older_episodes"] == {}


def test_new_references_mark_what_was_recorded_before(hilctl: Hilctl) -> None:
    hilctl("new-task", "ball", "--template", "sim-reach", "--defaults")
    hilctl("calibrate", "drift", "--task", "ball")
    hilctl("record-demos", "-n", "2", "--task", "ball")
    # the light of another exposure makes another picture
    file = Path("ball/calibration/side.json")
    record = json.loads(file.read_text())
    dim = {"exposure_s": 0.008, "gain": 1.0, "white_balance_k": 5000.0}
    record["exposure"] = {"controls": dim, "luminance": 0.3, "saturated": 0.0}
    file.write_text(json.dumps(record))
    answer = hilctl("calibrate", "drift", "--accept", "--camera", "side", "--task", "ball")
    assert "2 recorded episodes show camera side as it was before" in answer.out
    assert "2 from before side's present reference" in hilctl("status", "--task", "ball").out


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def led(hilctl: Hilctl, kept: Path) -> str:
    """What is said when the wrist of a task "peg" leads its camera around; it is led once."""
    if not (kept / "said").exists():
        hilctl("new-task", "peg", "--defaults")
        answer = hilctl("calibrate", "hand-eye", *WRIST, "-n", "12")
        assert answer.code == 0, answer.err
        shutil.copytree("peg", kept / "peg")
        (kept / "said").write_text(answer.out)
    shutil.copytree(kept / "peg", "peg", dirs_exist_ok=True)
    return (kept / "said").read_text()


def test_a_lens_that_its_maker_describes_is_used_until_it_is_measured(
    hilctl: Hilctl, led: str
) -> None:
    assert "the lens of camera wrist is as its maker says" in led
    assert "its maker's" in hilctl("calibrate", "--task", "peg").out
    x, y, z = 1e-3 * np.array(known_place(led))
    np.testing.assert_allclose([x, y, z], truth("wrist")[1].translation, atol=0.001)
    answer = hilctl("calibrate", "intrinsics", *WRIST, *PICTURES)
    assert f"its maker says f {truth('wrist')[0]:.1f} px" in answer.out
    assert "its maker's" not in hilctl("calibrate", "--task", "peg").out


def known_place(talk: str) -> list[float]:
    """Return x, y, z in mm as they are told."""
    found = re.search(r"camera in tcp: x (.*), y (.*), z (.*) mm ±", talk)
    assert found
    return [float(number) for number in found.groups()]


def test_there_is_nothing_to_export_before_the_intrinsics(hilctl: Hilctl) -> None:
    hilctl("new-task", "peg", "--defaults")
    answer = hilctl("calibrate", "export", "--task", "peg", "--camera", "wrist")
    assert answer.code == 5
    assert "hilctl calibrate intrinsics --camera wrist --task peg" in answer.err


@pytest.mark.usefixtures("led")
def test_ros_and_kalibr_get_the_intrinsics(hilctl: Hilctl) -> None:
    hilctl("calibrate", "intrinsics", *WRIST, *PICTURES)
    answer = hilctl("calibrate", "export", "--task", "peg", "--camera", "wrist", "--json")
    assert answer.code == 0, answer.err
    ros = YAML(typ="safe").load(Path(answer.json["files"]["camera_info"]))
    assert (ros["image_width"], ros["camera_name"]) == (128, "wrist")
    assert ros["camera_matrix"]["data"][0] == pytest.approx(truth("wrist")[0] * 128 / 480, rel=0.01)
    kalibr = YAML(typ="safe").load(Path(answer.json["files"]["camchain"]))
    assert kalibr["cam0"]["resolution"] == [128, 128]


@pytest.fixture
def read_only_task(hilctl: Hilctl, here: Path) -> Iterator[str]:
    """A task folder in which nothing can be written, not even by root."""
    hilctl("new-task", "peg", "--defaults")
    if os.geteuid() != 0:
        (here / "peg").chmod(0o500)
        yield "peg"
        (here / "peg").chmod(0o700)
        return
    bind = ["mount", "--bind", "peg", "peg"]
    again = ["mount", "-o", "remount,ro,bind", "peg"]
    if any(
        subprocess.run(one, check=False, capture_output=True).returncode for one in (bind, again)
    ):
        pytest.skip("needs the right to mount")
    yield "peg"
    subprocess.run(["umount", "-l", "peg"], check=True)


@pytest.mark.parametrize("step", ["exposure", "drift", "roi"])
def test_a_folder_that_cannot_be_written_is_named(
    hilctl: Hilctl, read_only_task: str, step: str
) -> None:
    camera = ("--camera", "side", "--roi", "0,0,64,64") if step == "roi" else ()
    answer = hilctl("calibrate", step, *camera, "--task", read_only_task)
    assert answer.code == 2
    assert "no permission for peg" in answer.err
    assert "hint:" in answer.err


WRONG = {
    "no such camera": (["intrinsics", "--camera", "wirst"], 2, "did you mean 'wrist'?"),
    "which camera": (["intrinsics"], 2, "--camera wrist or side"),
    "which mount": (["intrinsics", "--camera", "wrist"], 2, "--mount tool"),
    "no board": (["intrinsics", "--camera", "wrist", "--board", "a4"], 2, "write it like charuco"),
    "no folder": (["intrinsics", "--camera", "wrist", "--images", "absent"], 7, "no folder absent"),
    "no intrinsics": (
        ["hand-eye", "--camera", "wrist", "--mount", "tool", "--images", "peg"],
        5,
        "hilctl calibrate intrinsics --board charuco:7x5:30mm:22mm:5x5_100 --images peg",
    ),
    "nobody to lead": (["hand-eye", "--camera", "wrist", "--freehand"], 2, "--mount tool"),
    "no crop": (["roi", "--camera", "side", "--roi", "1,2,3"], 2, "write it like 100,40,300,300"),
    "crop outside": (["roi", "--camera", "side", "--roi", "0,0,200,20"], 2, "128×128 px"),
    "nobody to choose": (["roi", "--camera", "side"], 2, "say it: --roi x,y,w,h"),
    "nothing to verify": (
        ["verify", "--camera", "side"],
        5,
        "calibrate intrinsics --camera side --task peg",
    ),
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
    assert answer.out.count("unknown") == 6
    assert "next: hilctl calibrate exposure --task peg" in answer.out
