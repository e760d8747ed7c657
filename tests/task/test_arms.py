"""Task files with a gripper, and with several arms: what they mean, what is said of mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from hilctl.agents.options import AgentOptions, IBRLOptions
from hilctl.robots.sim import FINGERS_FOR_SHOW, SimRobot, SimRobotOptions
from hilctl.sim.scenes import SCENES
from hilctl.sim.world import SimWorld
from hilctl.task import scaffold
from hilctl.task.fingerprint import data_fingerprint, data_identity, explain_difference
from hilctl.task.layout import ActionLayout
from hilctl.task.load import load_task, task_from_dump
from hilctl.task.problems import TaskProblemsError

SHARED = ("rate_hz", "max_episode_s")


def data_of(template: str, tmp_path: Path) -> dict[str, Any]:
    chosen = scaffold.find_template(template)
    scaffold.create(chosen, tmp_path / template, chosen.answers({}))
    data: dict[str, Any] = yaml.safe_load((tmp_path / template / "task.yaml").read_text())
    return data


def with_two_arms(data: dict[str, Any]) -> dict[str, Any]:
    """Return the same task with an arm on either side."""
    control = {key: value for key, value in data["control"].items() if key not in SHARED}
    arm = {key: data[key] for key in ("teleop", "reset")} | {"control": control}
    arm["robot"] = {"type": "sim", "scene": "reach-both"}
    kept = {key: data[key] for key in data if key not in ("robot", "teleop", "reset")}
    cameras = {
        "front": {"type": "sim", "view": "front"},
        "left_wrist": {"type": "sim", "view": "left/wrist"},
    }
    return kept | {
        "arms": {"left": arm, "right": arm},
        "control": {key: data["control"][key] for key in SHARED},
        "cameras": cameras,
        "observation": {**data["observation"], "images": list(cameras)},
        "reward": {"type": "classifier", "cameras": list(cameras)},
        "agent": {"type": "bc"},
    }


def written(data: dict[str, Any], folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "task.yaml"
    file.write_text(yaml.safe_dump(data))
    return file


def messages(data: dict[str, Any], folder: Path) -> str:
    with pytest.raises(TaskProblemsError) as caught:
        load_task(written(data, folder))
    return "\n".join(f"{one.message} ({one.hint})" for one in caught.value.problems)


def test_a_gripper_that_is_not_learnt_names_the_agents_that_learn_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # all of ours learn it: as one of another package that says nothing of grippers
    monkeypatch.setattr(IBRLOptions, "learns_grippers", AgentOptions.learns_grippers)
    data = data_of("sim-pick", tmp_path) | {"agent": {"type": "ibrl"}}
    said = messages(data, tmp_path / "task")
    assert "the agent ibrl does not learn a discrete gripper" in said
    assert "take agent: {type: rlpd}, clone it from demonstrations, agent: {type: bc}" in said


@pytest.mark.parametrize("gripper", ["none", None])
def test_a_scene_that_needs_its_gripper_is_not_tried_without(
    tmp_path: Path, gripper: str | None
) -> None:
    data = data_of("sim-pick", tmp_path)
    del data["control"]["gripper"]
    if gripper:
        data["control"]["gripper"] = gripper
    said = messages(data, tmp_path / "task")
    assert "nothing can be done in this simulated scene without its gripper" in said
    assert "set gripper: discrete" in said


def test_a_task_with_two_arms_has_the_actions_of_both(tmp_path: Path) -> None:
    spec = load_task(written(with_two_arms(data_of("sim-reach", tmp_path)), tmp_path / "two"))
    layout = ActionLayout.of(spec)
    assert layout is not None
    assert [part.name for part in layout.parts] == ["left/delta_pose", "right/delta_pose"]
    assert layout.columns[:2] == ("left/x", "left/y")
    assert layout.columns[-1] == "right/rz"
    assert spec.measurements[0] == "left/tcp_pose"
    assert spec.measurements[-1] == "right/tcp_wrench"


def test_a_task_with_two_arms_comes_back_from_its_dump(tmp_path: Path) -> None:
    spec = load_task(written(with_two_arms(data_of("sim-reach", tmp_path)), tmp_path / "two"))
    assert task_from_dump(spec.model_dump(mode="json")) == spec


def test_a_task_with_one_arm_has_names_without_prefix(tmp_path: Path) -> None:
    spec = load_task(written(data_of("sim-pick", tmp_path), tmp_path / "one"))
    layout = ActionLayout.of(spec)
    assert layout is not None
    assert [part.name for part in layout.parts] == ["delta_pose", "gripper"]
    assert layout.parts[1].choices == (-1.0, 0.0, 1.0)
    assert spec.measurements[-1] == "gripper"


def test_data_of_two_arms_are_no_data_of_one(tmp_path: Path) -> None:
    data = data_of("sim-reach", tmp_path)
    one = load_task(written(data, tmp_path / "one"))
    two = load_task(written(with_two_arms(data), tmp_path / "two"))
    assert data_fingerprint(one) != data_fingerprint(two)
    told = explain_difference(data_identity(two), data_identity(one))
    assert any(line.startswith("arms.left.robot") for line in told)


def learning_by(agent: str, tmp_path: Path, gripper: str = "discrete") -> dict[str, Any]:
    data = data_of("sim-pick", tmp_path)
    data["control"]["gripper"] = gripper
    return data | {"agent": {"type": agent}}


@pytest.mark.parametrize("agent", ["rlpd", "bc", "hg-dagger", "ibrl", "residual"])
def test_a_discrete_gripper_is_learnt_by_all_agents(agent: str, tmp_path: Path) -> None:
    spec = load_task(written(learning_by(agent, tmp_path), tmp_path / "task"))
    assert spec.agent.type == agent


def test_a_continuous_gripper_is_not_learnt_by_reinforcement_and_the_file_says_what_to_do(
    tmp_path: Path,
) -> None:
    told = messages(learning_by("rlpd", tmp_path, "continuous"), tmp_path / "bad")
    assert "control.gripper: the agent rlpd does not learn a continuous gripper" in told
    assert "set gripper: discrete, or clone it" in told


@pytest.mark.parametrize(
    "robot",
    [
        {"type": "sim", "scene": "reach"},
        {"type": "franky", "host": "127.0.0.9", "gripper": "none"},
        {"type": "serl_http", "url": "http://127.0.0.9:5000", "gripper": "none"},
    ],
    ids=lambda robot: robot["type"],
)
def test_a_gripper_that_a_robot_does_not_have_is_refused_before_it_is_opened(
    robot: dict[str, Any], tmp_path: Path
) -> None:
    data = learning_by("rlpd", tmp_path) | {"robot": robot}
    told = messages(data, tmp_path / "bad")
    assert f"control.gripper: this {robot['type']} robot has no gripper that moves" in told


def test_a_gripper_is_refused_under_the_arm_that_has_none(tmp_path: Path) -> None:
    data = with_two_arms(data_of("sim-reach", tmp_path))
    control = {**data["arms"]["right"]["control"], "gripper": "discrete"}
    data["arms"]["right"] = {**data["arms"]["right"], "control": control}
    assert "arms.right.control.gripper: this sim robot has no" in messages(data, tmp_path / "bad")


def test_every_scene_says_whether_its_fingers_move() -> None:
    for_show = {name for name, scene in SCENES.items() if not scene.gripper}
    assert for_show == FINGERS_FOR_SHOW


@pytest.mark.parametrize("scene", SCENES)
def test_every_scene_says_which_arms_and_cameras_it_has(scene: str) -> None:
    world = SimWorld(scene, np.random.default_rng(0))
    parts = SimRobot.scene_parts(SimRobotOptions(scene=scene))  # type: ignore[arg-type]
    assert parts.arms == tuple(world.arms)
    assert sorted(parts.views) == sorted(world.cameras)


def test_an_arm_is_not_in_a_scene_of_one(tmp_path: Path) -> None:
    data = with_two_arms(data_of("sim-reach", tmp_path))
    data["arms"]["left"] = {**data["arms"]["left"], "robot": {"type": "sim", "scene": "reach"}}
    told = messages(data, tmp_path / "bad")
    assert "arms.left.robot: the simulated scene has one arm, and no 'left'" in told


def test_two_arms_and_one_hand_are_refused(tmp_path: Path) -> None:
    data = with_two_arms(data_of("sim-reach", tmp_path))
    data["arms"] = {
        name: {**arm, "teleop": {"type": "keyboard"}} for name, arm in data["arms"].items()
    }
    told = messages(data, tmp_path / "bad")
    assert "arms.left.teleop: one keyboard of these settings cannot drive several arms" in told
    assert "left and right" in told


@pytest.mark.parametrize("key", ["robot", "teleop", "reset"])
def test_what_each_arm_has_is_not_at_the_top(key: str, tmp_path: Path) -> None:
    one = data_of("sim-reach", tmp_path)
    data = with_two_arms(one) | {key: one[key]}
    told = messages(data, tmp_path / "bad")
    assert f"{key}: each arm has its own {key} (write it under arms.left and arms.right)" in told
    assert told.count("\n") == 0


def test_mistakes_in_an_arm_are_named_where_they_are(tmp_path: Path) -> None:
    data = with_two_arms(data_of("sim-reach", tmp_path))
    left, right = (dict(data["arms"][name]) for name in ("left", "right"))
    left["robot"] = {"type": "simm"}
    right["reset"] = {**right["reset"], "pose": [500, 0.0, 0.15, 3.14, 0.0, 0.0]}
    right["control"] = {**right["control"], "rate_hz": 10}
    data["control"] = {**data["control"], "action": "wrench"}
    told = messages({**data, "arms": {"left": left, "right": right}}, tmp_path / "bad")
    assert "arms.left.robot.type: unknown robot type 'simm'" in told
    assert "arms.right.reset.pose[0]: 500 m is out of any arm's reach" in told
    assert "arms.right.control.rate_hz: unknown key" in told
    assert "of several arms 'action' belongs under 'arms', the arm's name and 'control'" in told


def test_one_arm_needs_no_name(tmp_path: Path) -> None:
    data = with_two_arms(data_of("sim-reach", tmp_path))
    del data["arms"]["right"]
    assert "arms: expected at least 2 values, got 1" in messages(data, tmp_path / "bad")


@pytest.mark.parametrize("arms", [[], {}, "left", {"left": 3}, {"left": {}, "right": None}])
def test_arms_that_are_none_are_refused_in_words(arms: object, tmp_path: Path) -> None:
    data = with_two_arms(data_of("sim-reach", tmp_path)) | {"arms": arms}
    assert "arms" in messages(data, tmp_path / "bad")
