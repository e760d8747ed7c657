"""Policies on disk: the same actions after loading, and a named reason when they do not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from made_up_episodes import FEATURES, GRID, observation, perception

from hilctl.agents import AGENTS
from hilctl.agents.options import BCOptions, RLPDOptions
from hilctl.errors import ComputerError, DamagedDataError, DataError, MissingStageError
from hilctl.networks.perception import Perception
from hilctl.task import scaffold
from hilctl.task.layout import ActionLayout
from hilctl.task.load import load_task
from hilctl.task.sections import PluginSpec
from hilctl.task.spec import TaskSpec
from hilctl.training.checkpoints import (
    fill,
    leaves,
    load_checkpoint,
    save_checkpoint,
)
from hilctl.training.policy import AgentPolicy

ACTIONS = ActionLayout.one_arm()
ABOUT = {
    "robot_steps": 120,
    "updates": 240,
    "encoder_fingerprint": "abc",
    "feature_grid": list(GRID),
    "action_layout": ACTIONS.as_json(),
}
SEEN = perception()


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> TaskSpec:
    """A task whose agent is the one that is quickest to make: to a checkpoint all are alike."""
    template = scaffold.find_template("sim-reach")
    folder = tmp_path_factory.mktemp("task") / "ball"
    scaffold.create(template, folder, template.answers({}))
    cloning = PluginSpec(type="bc", options=BCOptions())
    return load_task(folder).model_copy(update={"agent": cloning})


@pytest.fixture(scope="module")
def agent(spec: TaskSpec) -> Any:
    cls = AGENTS.get(spec.agent.type)
    return cls.create(jax.random.key(1), SEEN.example(GRID), ACTIONS, spec.agent.options)


def act(agent: Any, seen: Perception) -> np.ndarray:
    policy = AgentPolicy(agent, seen, jax.random.key(0), greedy=True)
    policy.begin_episode(observation(1))
    return policy.act(observation(2))


@pytest.fixture
def saved(tmp_path: Path, agent: Any, spec: TaskSpec) -> Path:
    save_checkpoint(tmp_path / "checkpoints", agent, SEEN, spec, ABOUT)
    return tmp_path / "checkpoints"


def weights_of(folder: Path) -> Path:
    (weights,) = folder.glob("step_*.npz")
    return weights


def test_a_loaded_policy_acts_as_the_saved_one(saved: Path, agent: Any, spec: TaskSpec) -> None:
    loaded = load_checkpoint(saved, spec, encoder_fingerprint="abc")
    np.testing.assert_array_equal(act(loaded.agent, loaded.perception), act(agent, SEEN))
    before, after = leaves(agent), leaves(loaded.agent)
    assert before.keys() == after.keys()
    for path, array in before.items():
        np.testing.assert_array_equal(array, after[path])
    assert loaded.about["updates"] == 240
    assert len(loaded.perception.mean) == len(SEEN.mean)
    assert SEEN.projections["wrist"].mean.size == FEATURES


def test_a_checkpoint_that_the_computer_cannot_read_is_not_called_damaged(
    saved: Path, spec: TaskSpec
) -> None:
    (weights,) = saved.glob("*.npz")
    weights.unlink()
    weights.symlink_to("/proc/self/mem")  # its first byte gives EIO
    with pytest.raises(ComputerError, match="Input/output error"):
        load_checkpoint(saved, spec, encoder_fingerprint="abc")


def test_only_the_newest_checkpoint_is_kept(saved: Path, agent: Any, spec: TaskSpec) -> None:
    save_checkpoint(saved, agent, SEEN, spec, {**ABOUT, "robot_steps": 240})
    names = sorted(path.name for path in saved.iterdir())
    assert names == ["step_0000240.json", weights_of(saved).name]
    assert load_checkpoint(saved, spec, encoder_fingerprint="abc").about["robot_steps"] == 240


def test_a_cut_before_the_description_leaves_the_older_checkpoint(
    saved: Path, spec: TaskSpec
) -> None:
    (saved / "step_0000999.npz").write_bytes(b"half of")
    assert load_checkpoint(saved, spec, encoder_fingerprint="abc").about["robot_steps"] == 120


def test_a_cut_between_two_checkpoints_of_equal_steps_leaves_the_older_one(
    saved: Path, agent: Any, spec: TaskSpec
) -> None:
    before = (saved / "step_0000120.json").read_bytes()
    other = jax.tree.map(lambda array: array + 1 if array.dtype == "float32" else array, agent)
    save_checkpoint(saved, other, SEEN, spec, {**ABOUT, "updates": 480})
    kept = {path.name: path.read_bytes() for path in saved.glob("*.npz")}
    save_checkpoint(saved, agent, SEEN, spec, ABOUT)
    for name, content in kept.items():  # the newer weights came, their description did not
        (saved / name).write_bytes(content)
    assert (saved / "step_0000120.json").read_bytes() == before
    loaded = load_checkpoint(saved, spec, encoder_fingerprint="abc")
    np.testing.assert_array_equal(act(loaded.agent, loaded.perception), act(agent, SEEN))


def test_nothing_trained_is_a_missing_stage(tmp_path: Path, spec: TaskSpec) -> None:
    with pytest.raises(MissingStageError) as caught:
        load_checkpoint(tmp_path, spec, encoder_fingerprint="abc")
    assert caught.value.hint


@pytest.mark.parametrize("share", [0.0, 0.3, 0.98])
def test_a_cut_file_is_damaged_data(saved: Path, spec: TaskSpec, share: float) -> None:
    weights = weights_of(saved)
    content = weights.read_bytes()
    weights.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match="damaged") as caught:
        load_checkpoint(saved, spec, encoder_fingerprint="abc")
    assert "step_0000120" in (caught.value.where or "")
    assert caught.value.hint


def test_a_missing_file_and_a_garbled_description_are_damaged_data(
    saved: Path, spec: TaskSpec
) -> None:
    weights_of(saved).unlink()
    with pytest.raises(DataError, match="damaged"):
        load_checkpoint(saved, spec, encoder_fingerprint="abc")
    (saved / "step_0000120.json").write_text("{", "utf-8")
    with pytest.raises(DataError, match="damaged"):
        load_checkpoint(saved, spec, encoder_fingerprint="abc")


def test_a_description_of_something_else_is_damaged_data(saved: Path, spec: TaskSpec) -> None:
    for content in ("[]", '"text"', "3", "{}"):
        (saved / "step_0000120.json").write_text(content, "utf-8")
        with pytest.raises(DataError):
            load_checkpoint(saved, spec, encoder_fingerprint="abc")


def test_missing_and_misshapen_leaves_are_named(agent: Any) -> None:
    arrays = leaves(agent)
    missing = next(path for path in arrays if "/actor/" in path)
    misshapen = next(path for path in arrays if "/head/" in path)
    without = {path: array for path, array in arrays.items() if path != missing}
    with pytest.raises(ValueError, match=missing):
        fill(agent, without)
    with pytest.raises(ValueError, match=misshapen):
        fill(agent, {**arrays, misshapen: np.zeros((1, 2, 3, 4))})


def test_a_policy_of_another_encoder_is_refused(saved: Path, spec: TaskSpec) -> None:
    with pytest.raises(DataError, match="encoder: other here, abc there"):
        load_checkpoint(saved, spec, encoder_fingerprint="other")


def test_a_policy_of_another_task_is_refused_with_what_differs(saved: Path, spec: TaskSpec) -> None:
    wrist = spec.cameras["wrist"].model_copy(update={"size": (96, 96)})
    other = spec.model_copy(update={"cameras": {**spec.cameras, "wrist": wrist}})
    with pytest.raises(DataError, match="another set-up") as caught:
        load_checkpoint(saved, other, encoder_fingerprint="abc")
    assert "cameras.wrist.size: 96×96 here, 128×128 there" in caught.value.message
    assert caught.value.hint == "hilctl train"


def test_networks_of_another_shape_are_another_set_up_not_damage(
    tmp_path: Path, spec: TaskSpec
) -> None:
    cls = AGENTS.get("rlpd")

    def with_critics(count: int) -> TaskSpec:
        chosen = PluginSpec(type="rlpd", options=RLPDOptions(critics=count))
        return spec.model_copy(update={"agent": chosen})

    small = with_critics(1)
    agent = cls.create(jax.random.key(1), SEEN.example(GRID), ACTIONS, small.agent.options)
    save_checkpoint(tmp_path, agent, SEEN, small, ABOUT)
    with pytest.raises(DataError, match=r"agent\.critics: 3 here, 1 there") as caught:
        load_checkpoint(tmp_path, with_critics(3), encoder_fingerprint="abc")
    assert not isinstance(caught.value, DamagedDataError)


def test_the_description_can_be_read_without_us(saved: Path) -> None:
    about = json.loads((saved / "step_0000120.json").read_text("utf-8"))
    assert about["weights"] == weights_of(saved).name
    assert about["agent"]["type"] == "bc"
    with np.load(saved / about["weights"], allow_pickle=False) as stored:
        assert any(name.startswith("perception/wrist/") for name in stored.files)
