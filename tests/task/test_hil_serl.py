"""Rigs of HIL-SERL become tasks: what their files say arrives, and what does not is told."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilctl import geometry
from hilctl.errors import DataError, UsageError
from hilctl.task import scaffold
from hilctl.task.hil_serl.config_file import read_config
from hilctl.task.hil_serl.importing import template_of
from hilctl.task.load import load_task
from hilctl.task.spec import TaskSpec

RIGS = Path(__file__).parent / "rigs"
POSE = "[0.5, 0.1, 0.2, np.pi, 0, 0.5]"
HEAD = "import numpy as np\n"
ARM = f"""
    SERVER_URL = "http://127.0.0.2:5000/"
    REALSENSE_CAMERAS = {{"wrist": {{"serial_number": "1", "dim": (640, 480)}}}}
    RESET_POSE = np.array({POSE})
    ABS_POSE_LIMIT_LOW = np.array([0.4, 0.0, 0.1, np.pi - 0.2, -0.1, 0.1])
    ABS_POSE_LIMIT_HIGH = np.array([0.6, 0.2, 0.3, np.pi + 0.2, 0.3, 0.7])
    ACTION_SCALE = (0.01, 0.05, 1)
    MAX_EPISODE_LENGTH = 100
"""


def task_of(file: Path, folder: Path, answers: dict[str, str] | None = None, **said: str) -> Any:
    """Import a file; return the task and what was told, by the setting's name."""
    template = template_of(read_config(file), said)
    scaffold.create(template, folder, template.answers(answers or {}))
    return load_task(folder), {note.setting: note for note in template.facts["notes"]}


def task_with(lines: str, tmp_path: Path, training: str = "", **said: str) -> Any:
    """Import a rig of one arm in which some settings stand otherwise."""
    file = tmp_path / "config.py"
    text = f"{HEAD}class EnvConfig(DefaultEnvConfig):{ARM}{lines}\n"
    text += f"class TrainConfig(DefaultTrainingConfig):\n    image_keys = ['wrist']\n{training}\n"
    file.write_text(text, "utf-8")
    return task_of(file, tmp_path / "peg", **said)


def imported(rig: str, tmp_path: Path, **said: str) -> tuple[TaskSpec, dict[str, Any]]:
    spec, notes = task_of(RIGS / rig / "config.py", tmp_path / "task", **said)
    return spec, notes


def test_ram_insertion(tmp_path: Path) -> None:
    spec, notes = imported("ram_insertion", tmp_path)
    robot: Any = spec.robot.options
    assert (robot.url, robot.gripper, spec.control.gripper) == (
        "http://127.0.0.2:5000",
        "none",
        "none",
    )
    assert spec.cameras["wrist_1"].crop == (360, 160, 720, 280)
    camera: Any = spec.cameras["wrist_2"].options
    assert (camera.serial, camera.resolution, camera.exposure_s) == (
        "218622270022",
        (1280, 720),
        0.035,
    )
    assert (spec.reset.random_xy_m, spec.reset.random_yaw_rad) == (0.02, 0.05)
    assert spec.reset.pose == pytest.approx((0.5712, -0.0441, 0.3216, math.pi, 0.06, 0), abs=1e-6)
    assert (spec.control.translation_m, spec.control.rotation_rad) == (0.008, 0.05)
    assert spec.control.max_episode_s == 11
    assert robot.compliance.translational_clip_neg_x == 0.003
    assert (robot.precision.rotational_stiffness, robot.precision.translational_clip_x) == (
        250,
        0.1,
    )
    assert robot.compliance.rotational_clip == 0.02  # one number for every direction
    reward: Any = spec.reward.options
    assert reward.cameras == ["wrist_1", "wrist_2"]
    assert spec.observation.state == ["tcp_pose", "tcp_velocity", "tcp_wrench"]
    assert spec.observation.relative
    assert spec.instruction == "ram insertion"
    told = {"TARGET_POSE", "GRASP_POSE", "DISPLAY_IMAGE", "encoder_type", "buffer_period"}
    assert told <= notes.keys()
    assert "threshold" in notes["get_environment()"].why
    assert str(notes["GRASP_POSE"]).startswith("GRASP_POSE (config.py:36): ")


def test_usb_pickup_insertion(tmp_path: Path) -> None:
    spec, notes = imported("usb_pickup_insertion", tmp_path)
    crops = {name: camera.crop for name, camera in spec.cameras.items()}
    assert crops == {
        "wrist_1": (190, 40, 900, 470),  # from both ends
        "wrist_2": (190, 0, 900, 510),
        "side_policy": (340, 240, 320, 260),
        "side_classifier": (510, 260, 128, 128),
    }
    assert spec.observation.images == ["side_policy", "wrist_1", "wrist_2"]
    assert spec.reward.options.cameras == ["side_classifier"]  # type: ignore[attr-defined]
    assert spec.reset.random_xy_m == 0.01
    assert spec.control.gripper == "discrete"
    assert spec.robot.options.gripper == "robotiq"  # type: ignore[attr-defined]
    assert spec.agent.type == "bc"
    assert "PRECISION_PARAM['rotational_Ki']" in notes
    # about a tool that points down, pitch and yaw turn the other way
    assert spec.control.bounds.low[3:] == pytest.approx((-0.1, -0.15, -0.3), abs=1e-5)
    assert spec.control.bounds.high[3:] == pytest.approx((0.1, 0.05, 0.2), abs=1e-5)


def test_object_handover(tmp_path: Path) -> None:
    spec, notes = imported("object_handover", tmp_path)
    assert spec.arms is not None
    left, right = spec.arms["left"], spec.arms["right"]
    robots: list[Any] = [left.robot.options, right.robot.options]
    assert [robot.url for robot in robots] == [f"http://127.0.0.{i}:5000" for i in (1, 2)]
    assert [robot.compliance.rotational_damping for robot in robots] == [5, 6]
    assert (left.control.translation_m, right.control.translation_m) == (0.04, 0.03)
    assert left.reset.pose[:3] == (0.59, -0.02, 0.41)
    assert set(spec.cameras) == {"left_wrist", "left_side", "left_side_classifier", "right_wrist"}
    assert spec.observation.images == ["left_wrist", "right_wrist", "left_side"]
    twice: list[Any] = [spec.cameras[f"left_side{end}"].options for end in ("", "_classifier")]
    assert twice[0].serial == twice[1].serial == "317222070033"
    assert spec.cameras["right_wrist"].crop == (400, 0, 880, 720)
    assert "turned" in notes["right.IMAGE_CROP['wrist']"].why
    assert spec.observation.state == ["tcp_pose", "tcp_velocity", "gripper"]
    paths = [hand.options.path for hand in spec.hands.values()]  # type: ignore[attr-defined]
    assert len(set(paths)) == 2


def test_egg_flip_whose_rig_is_in_another_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="RESET_POSE is not in this file") as caught:
        imported("egg_flip", tmp_path)
    assert '--set RESET_POSE="' in str(caught.value.hint)
    spec, notes = imported("egg_flip", tmp_path, RESET_POSE="[0.5, 0, 0.2, 3.14, 0, 0]")
    assert spec.reset.pose == (0.5, 0, 0.2, 3.14, 0, 0)
    assert spec.cameras["side"].crop == (540, 110, 350, 530)
    assert spec.cameras["wrist_1"].crop is None  # to the end of a frame of unknown size
    assert "IMAGE_CROP['wrist_1']" in notes
    assert "wrenches" in notes["EggFlipEnvConfig"].why
    low, high = (np.array(side[:3]) for side in (spec.control.bounds.low, spec.control.bounds.high))
    assert np.all(high - low <= 0.021)  # nothing is known of its limits: little can be hit
    assert spec.agent.options.discount == 0.985  # type: ignore[attr-defined]
    assert "REALSENSE_CAMERAS" in notes


@pytest.mark.parametrize("rig", [path.name for path in sorted(RIGS.iterdir())])
def test_the_folder_tells_what_was_not_taken_over(rig: str, tmp_path: Path) -> None:
    _, notes = imported(rig, tmp_path, **({"RESET_POSE": POSE} if rig == "egg_flip" else {}))
    readme = (tmp_path / "task" / "README.md").read_text("utf-8")
    assert all(str(note) in readme for note in notes.values())
    lines = (tmp_path / "task" / "task.yaml").read_text("utf-8").splitlines()
    assert max(map(len, lines)) <= 100


def theirs_keep(euler: Any, low: Any, high: Any) -> bool:
    """Return whether HIL-SERL leaves roll, pitch and yaw as they are: the roll's magnitude."""
    seen = np.array([abs(euler[0]), *euler[1:]])
    return bool(np.all(seen >= low - 1e-9) and np.all(seen <= high + 1e-9))


@pytest.mark.parametrize("roll", [math.pi, -math.pi, math.pi / 2, -math.pi / 2, 0.0])
def test_turns_that_they_allow_are_those_that_are_allowed(roll: float, tmp_path: Path) -> None:
    low = np.array([abs(roll) - 0.2 if roll else -0.2, -0.1, 0.1])
    high = np.array([abs(roll) + 0.2, 0.3, 0.7])
    lines = f"    RESET_POSE[3] = {roll}\n    ABS_POSE_LIMIT_LOW[3] = {low[0]}\n"
    spec, notes = task_with(f"{lines}    ABS_POSE_LIMIT_HIGH[3] = {high[0]}", tmp_path)
    assert "ABS_POSE_LIMIT_LOW" not in notes
    bounds = np.array([spec.control.bounds.low[3:], spec.control.bounds.high[3:]])
    home = geometry.pose([0, 0, 0], geometry.quat_from_rpy(spec.reset.pose[3:]))
    for axis, span in enumerate([(-0.3, 0.3), (-0.3, 0.5), (-0.2, 1.2)]):
        for angle in np.linspace(*span, 41):
            euler = np.array([roll, 0.0, 0.5])
            euler[axis] = (roll if axis == 0 else 0) + angle
            euler[0] = math.remainder(euler[0], 2 * math.pi)
            turned = geometry.pose([0, 0, 0], geometry.quat_from_rpy(list(euler)))
            turn = geometry.rotation_between(home, turned)
            ours = np.all(turn >= bounds[0] - 2e-6) and np.all(turn <= bounds[1] + 2e-6)
            assert ours == theirs_keep(euler, low, high), (axis, angle)


def test_a_tool_on_its_side_has_the_smallest_limits(tmp_path: Path) -> None:
    lines = "    RESET_POSE[4] = np.pi / 2\n    ABS_POSE_LIMIT_LOW[4] = 1.4\n"
    spec, notes = task_with(f"{lines}    ABS_POSE_LIMIT_HIGH[4] = 1.7", tmp_path)
    assert spec.control.bounds.high[3:] == pytest.approx([1.7 - math.pi / 2] * 3, abs=1e-5)
    assert "on its side" in notes["ABS_POSE_LIMIT_LOW"].why


def test_starts_beyond_the_limits_are_made_smaller(tmp_path: Path) -> None:
    lines = "    RANDOM_RESET = True\n    RANDOM_XY_RANGE = 0.15\n    RANDOM_RZ_RANGE = 0.3"
    spec, notes = task_with(lines, tmp_path)
    assert spec.reset.random_xy_m == pytest.approx(0.1, abs=1e-5)
    assert spec.reset.random_yaw_rad == pytest.approx(0.2, abs=1e-5)
    assert {"RANDOM_XY_RANGE", "RANDOM_RZ_RANGE"} <= notes.keys()


def test_a_start_that_is_not_random_is_not(tmp_path: Path) -> None:
    spec, _ = task_with("    RANDOM_RESET = False\n    RANDOM_XY_RANGE = 0.05", tmp_path)
    assert spec.reset.random_xy_m == 0


def test_limits_that_leave_the_reset_pose_out_are_widened_and_told(tmp_path: Path) -> None:
    spec, notes = task_with("    ABS_POSE_LIMIT_HIGH[2] = 0.15", tmp_path)
    assert spec.control.bounds.high[2] == 0.2
    assert "widened" in notes["ABS_POSE_LIMIT_LOW"].why


def test_nothing_is_executed(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    spec, notes = task_with(
        f"    GRIPPER_SLEEP = open({str(touched)!r}, 'w').write('x')\n"
        f"    print(open({str(touched)!r}, 'w'))\n"
        f"    SERVER_URL = __import__('os').system('touch {touched}')\n"
        f"    IMAGE_CROP = {{'wrist': lambda img: open({str(touched)!r}, 'w')}}\n",
        tmp_path,
        f"    def get_environment(self):\n        open({str(touched)!r}, 'w')\n",
    )
    assert not touched.exists()
    assert "not readable" in notes["SERVER_URL"].why
    assert "not readable" in notes["IMAGE_CROP['wrist']"].why
    assert spec.cameras["wrist"].crop is None


def test_a_person_says_what_cannot_be_read(tmp_path: Path) -> None:
    lines = "    TARGET_POSE = np.ones(6)\n    RESET_POSE = load_pose()"
    with pytest.raises(UsageError, match="RESET_POSE is not readable") as caught:
        task_with(lines, tmp_path)
    assert str(caught.value.where).endswith("config.py:11")
    spec, _ = task_with(lines, tmp_path, RESET_POSE="TARGET_POSE * np.array([.5, 0, .2, 3, 0, 0])")
    assert spec.reset.pose == pytest.approx((0.5, 0, 0.2, 3, 0, 0))


def test_a_pose_of_a_method_is_not_taken_for_the_one_before(tmp_path: Path) -> None:
    for lines in (
        "    def __init__(self):\n        self.RESET_POSE = 3",
        "    for i in range(3):\n        RESET_POSE[i] += 0.1",
        "    ALIAS = RESET_POSE\n    ALIAS.fill(0)",
        "    RESET_POSE.sort()",
        "    move(RESET_POSE)",
        "    if True:\n        RESET_POSE = 3",
    ):
        with pytest.raises(UsageError, match="RESET_POSE is not readable"):
            task_with(lines, tmp_path)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("RESET_POSE = np.zeros(7)", "expected 6 numbers"),
        ("RESET_POSE = [0.5, 0, float('nan'), 3, 0, 0]", "expected a finite number, got nan"),
        ("ABS_POSE_LIMIT_LOW = np.array([np.inf, 0, 0, 0, 0, 0])", "finite number, got inf"),
        ("ABS_POSE_LIMIT_LOW = np.ones(6)", r"at most ABS_POSE_LIMIT_HIGH\[0\]"),
        ("ACTION_SCALE = (10, 60, 1)", "from 1e-05 to 0.1, got 10"),
        ("ACTION_SCALE = 0.01", "expected 3 numbers"),
        ("RANDOM_RESET = 'yes'", "True or False"),
        ("MAX_EPISODE_LENGTH = 1e5", "at most 3000 steps"),
        ("MAX_EPISODE_LENGTH = -5", "from 1 to"),
        ("SERVER_URL = 5000", "an address"),
        ("REALSENSE_CAMERAS = {'wrist': 12}", "a serial or a dict"),
        ("REALSENSE_CAMERAS = {'wrist': {'serial_number': 12}}", "a text as serial"),
        ("REALSENSE_CAMERAS = {'wrist': {'dim': (640,)}}", "width and height"),
        ("REALSENSE_CAMERAS = {'other': '1'}", "one of other"),
        ("COMPLIANCE_PARAM = {'translational_stiffness': 1e6}", "less than or equal to 6000"),
        ("LOAD_PARAM = {'mass': 1, 'load_inertia': [1]}", "9 numbers"),
        ("IMAGE_CROP = [1]", "a dict of crops"),
    ],
)
def test_wrong_settings_are_told_with_their_line(line: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=why) as caught:
        task_with(f"    {line}", tmp_path)
    assert line.partition(" ")[0] in caught.value.message or "image_keys" in caught.value.message
    assert "config.py:" in str(caught.value.where)
    assert "--set" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("setup_mode = 'dual-arm-fixed-gripper'", "what fits EnvConfig"),
        ("setup_mode = 'three-arms'", "one of single-arm"),
        ("discount = 1.5", "a number from"),
        ("batch_size = 2.5", "a whole number"),
        ("image_keys = 'wrist'", "a list of names"),
    ],
)
def test_wrong_settings_of_the_training(line: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=why):
        task_with("", tmp_path, f"    {line}")


def test_without_a_training_all_cameras_are_seen(tmp_path: Path) -> None:
    file = tmp_path / "config.py"
    file.write_text(f"{HEAD}class PegEnvConfig(DefaultEnvConfig):{ARM}", "utf-8")
    spec, notes = task_of(file, tmp_path / "peg")
    assert spec.observation.images == ["wrist"]
    assert "TrainConfig" in notes


def test_older_files_have_serials_alone(tmp_path: Path) -> None:
    spec, _ = task_with("    REALSENSE_CAMERAS = {'wrist': '130322270000'}", tmp_path)
    camera: Any = spec.cameras["wrist"].options
    assert (camera.serial, camera.resolution) == ("130322270000", (640, 480))


def test_a_load_is_what_set_load_tells(tmp_path: Path) -> None:
    load = "{'mass': 0.3, 'F_x_center_load': [0, 0, 0.05], 'load_inertia': [0.1] * 9}"
    spec, _ = task_with(f"    LOAD_PARAM = {load}", tmp_path)
    robot: Any = spec.robot.options
    assert (robot.load.mass_kg, robot.load.centre_m) == (0.3, (0, 0, 0.05))


def test_parts_that_cannot_be_read_are_left_out_and_told(tmp_path: Path) -> None:
    spec, notes = task_with(
        "    COMPLIANCE_PARAM = {'rotational_stiffness': 90, 'rotational_damping': measured()}\n"
        "    REALSENSE_CAMERAS = {'wrist': {'serial_number': os.environ['WRIST'], 'gain': 3}}\n"
        "    LOAD_PARAM = {'mass': weigh()}",
        tmp_path,
    )
    robot: Any = spec.robot.options
    assert robot.compliance.parameters() == {"rotational_stiffness": 90}
    assert spec.cameras["wrist"].options.serial is None  # type: ignore[attr-defined]
    assert robot.load is None
    assert {
        "COMPLIANCE_PARAM['rotational_damping']",
        "REALSENSE_CAMERAS['wrist']['serial_number']",
        "REALSENSE_CAMERAS['wrist']['gain']",
        "LOAD_PARAM['mass']",
    } <= notes.keys()


def test_what_is_said_has_to_be_a_setting(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        task_with("", tmp_path, RESET_POZE="1")
    assert "RESET_POSE" in str(caught.value.hint)
    with pytest.raises(DataError, match="cannot read"):
        task_with("", tmp_path, RESET_POSE="[1,")
