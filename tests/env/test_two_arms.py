"""Two arms in one task: each does its own part, hands drive their own, and both are recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml
from bench_stand import Hand

from hilctl.data.dataset import Dataset
from hilctl.data.episode import Episode
from hilctl.data.index import rebuild_index
from hilctl.devices import Rig
from hilctl.env.hands import Hands
from hilctl.env.questions import Questions
from hilctl.env.robot_env import RobotEnv
from hilctl.env.wrappers import Takeover
from hilctl.errors import DataError
from hilctl.networks.perception import state_vectors
from hilctl.pipeline.record.demos import record_demos
from hilctl.pipeline.record.recording import open_dataset
from hilctl.robots.sim import SimRobot, SimRobotOptions
from hilctl.task import scaffold
from hilctl.task.load import load_task
from hilctl.task.problems import TaskProblemsError
from hilctl.task.workspace import Workspace
from hilctl.teleop.base import TeleopEvent, TeleopInput

ARMS = ("left", "right")


def two_arms(folder: Path, **changes: Any) -> Workspace:
    """Make a task folder with two arms out of that of one."""
    template = scaffold.find_template("sim-reach")
    scaffold.create(template, folder, template.answers({"demos": "2"}))
    file = folder / "task.yaml"
    data = yaml.safe_load(file.read_text())
    control = data["control"]
    shared = {key: control.pop(key) for key in ("rate_hz", "max_episode_s")}
    arm = {
        "robot": {"type": "sim", "scene": "reach-both"},
        "teleop": data.pop("teleop"),
        "control": control,
        "reset": data.pop("reset"),
    }
    del data["robot"]
    cameras = {"front": {"type": "sim", "view": "front", "width_px": 32, "height_px": 32}}
    data |= {"arms": dict.fromkeys(ARMS, arm), "control": shared, "cameras": cameras}
    data["observation"]["images"] = data["reward"]["cameras"] = ["front"]
    data["agent"] = {"type": "bc", "updates": 4, "batch": 8}
    file.write_text(yaml.safe_dump(data | changes))
    return Workspace(folder)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    space = two_arms(tmp_path_factory.mktemp("two") / "task")
    assert record_demos(space).demos == 2
    return space


@contextmanager
def stand(folder: Path) -> Iterator[RobotEnv]:
    spec, rig = two_arms(folder).spec, Rig(0)
    robots = {}
    for name in ARMS:
        robots[name] = SimRobot(SimRobotOptions.model_validate({"scene": "reach-both"}), rig)
        robots[name].arm = name
        robots[name].open()
    env = RobotEnv(spec, robots, {}, rig.generator("reset"))
    env.reset()
    yield env
    for robot in robots.values():
        robot.close()


def moved_m(env: RobotEnv, hands: dict[str, list[TeleopInput]], policy: np.ndarray) -> Any:
    """Return how far each arm goes in ten steps, and what the last step told."""
    both = Hands({name: Hand(script) for name, script in hands.items()}, env)
    taken = Takeover(env, both, Questions(both, env.clock))
    before = {arm.name: arm.robot.state().tcp_pose[:3] for arm in env.arms}
    for _ in range(10):
        *_, info = taken.step(policy)
    return {
        arm.name: float(np.linalg.norm(arm.robot.state().tcp_pose[:3] - before[arm.name]))
        for arm in env.arms
    }, info


def push(*events: TeleopEvent) -> TeleopInput:
    return TeleopInput(np.array([0.4, 0, 0, 0, 0, 0]), engaged=True, events=events)


def test_a_hand_drives_its_own_arm_and_leaves_the_other_to_the_policy(tmp_path: Path) -> None:
    policy = np.zeros(12)
    policy[6 + 2] = 0.2  # the right one goes down
    with stand(tmp_path / "task") as env:
        away_m, info = moved_m(env, {"left": [push()] * 10, "right": []}, policy)
    assert away_m["left"] > 0.02
    assert 0.005 < away_m["right"] < away_m["left"]
    assert info["intervened"]
    assert np.isfinite(info["human_action"][:6]).all()
    assert np.isnan(info["human_action"][6:]).all()
    assert info["executed_action"][6 + 2] == pytest.approx(0.2, abs=0.02)


def test_nobody_at_either_hand_is_no_intervention(tmp_path: Path) -> None:
    with stand(tmp_path / "task") as env:
        _, info = moved_m(env, {"left": [], "right": []}, np.zeros(12))
    assert not info["intervened"]
    assert info["human_action"] is None


def test_what_either_operator_says_is_heard_once(tmp_path: Path) -> None:
    said = [push(TeleopEvent.SUCCESS, TeleopEvent.QUIT)]
    with stand(tmp_path / "task") as env:
        hands = Hands({"left": Hand([push(TeleopEvent.SUCCESS)]), "right": Hand(said)}, env)
        assert hands.poll().events == (TeleopEvent.SUCCESS, TeleopEvent.QUIT)


def test_poses_are_in_the_frame_of_the_arms_own_base(tmp_path: Path) -> None:
    with stand(tmp_path / "task") as env:
        obs, _ = env.reset()
        home = env.task.each_arm["left"].reset.pose[:3]
        for name in ARMS:
            assert np.linalg.norm(obs["state"][f"{name}/tcp_pose"][:3] - home) < 0.05
        assert set(env.observation_layout.state) == set(obs["state"])


def test_an_arm_that_the_scene_does_not_have_is_named(tmp_path: Path) -> None:
    whole = yaml.safe_load((two_arms(tmp_path / "one").root / "task.yaml").read_text())
    arm = whole["arms"]["left"]
    space = two_arms(tmp_path / "task", arms={"left": arm, "middle": arm})
    with pytest.raises(TaskProblemsError, match="the simulated scene has no arm 'middle'"):
        space.spec  # noqa: B018


def test_demonstrations_of_two_arms_hold_both_under_their_names(recorded: Workspace) -> None:
    (first, _) = Dataset.open(recorded.demos, expect_fingerprint=None).paths
    episode = Episode.read(first)
    assert episode.actions.shape[1] == 12
    assert {"left/tcp_pose", "right/tcp_pose", "left/joint_position"} <= set(episode.state_keys)
    assert episode.cameras == ["front"]
    assert np.abs(episode.actions[:, :6]).max() > 0.1
    assert np.abs(episode.actions[:, 6:]).max() > 0.1
    assert (episode.actions[:, :6] != episode.actions[:, 6:]).any()


def test_other_programs_find_the_measurements_of_each_arm(recorded: Workspace) -> None:
    with h5py.File(rebuild_index(recorded.demos)) as index:
        demo = index["data/demo_0"]
        for prefix in ("obs", "next_obs"):
            assert demo[f"{prefix}/right/tcp_pose"].shape == (len(demo["actions"]), 7)


def test_a_policy_sees_each_arm_from_where_that_one_began(recorded: Workspace) -> None:
    (first, _) = Dataset.open(recorded.demos, expect_fingerprint=None).paths
    episode, names = Episode.read(first), recorded.spec.measurements
    states = {name: episode.state(name) for name in episode.state_keys}
    seen = state_vectors(states, names, relative=True)
    half = seen.shape[1] // 2
    for part in (seen[0, :half], seen[0, half:]):
        np.testing.assert_allclose(part[:9], [0, 0, 0, 1, 0, 0, 0, 1, 0], atol=1e-6)
    assert not np.allclose(seen[-1, :half], seen[-1, half:])


def test_a_task_of_one_arm_refuses_them_by_name(recorded: Workspace, tmp_path: Path) -> None:
    template = scaffold.find_template("sim-reach")
    scaffold.create(template, tmp_path / "one", template.answers({}))
    with pytest.raises(DataError) as caught:
        open_dataset(recorded.demos, load_task(tmp_path / "one"))
    assert caught.value.message.splitlines()[0] == (
        "episode_000001.hdf5 was recorded with action part `left/delta_pose` (6 numbers), "
        "this task has none"
    )


def test_one_keyboard_does_not_drive_two_arms(tmp_path: Path) -> None:
    space = two_arms(tmp_path / "task")
    data = yaml.safe_load((space.root / "task.yaml").read_text())
    for arm in data["arms"].values():
        arm["teleop"] = {"type": "keyboard"}
    space.task_file.write_text(yaml.safe_dump(data))
    with pytest.raises(TaskProblemsError, match="cannot drive several arms: left and right"):
        load_task(space.root)
