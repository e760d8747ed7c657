"""What a task file can have wrong in a reward is said when it is loaded, at its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from hilctl.rewards.learnt import classifiers_of, stages_needed
from hilctl.task import scaffold
from hilctl.task.load import load_task, task_from_dump
from hilctl.task.problems import TaskProblemsError

POSE = {"pose": [0.5, 0, 0.1, 3.14, 0, 0], "within": {"z": 0.005}}
HUMAN = {"type": "human", "weight": 1}
STAGES = [{"name": "down", "type": "pose", **POSE}, {"name": "good", "type": "human"}]
CLASSIFIER = {"type": "classifier", "cameras": ["wrist"]}
HOOKS = "def done():\n    raise AssertionError('it is read, not run')\n"
HOOK = {"type": "hook", "judge": "hooks:done"}


def task(folder: Path, reward: dict[str, Any]) -> Path:
    template = scaffold.find_template("sim-reach")
    scaffold.create(template, folder, template.answers({}))
    file = folder / "task.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "reward": reward}))
    (folder / "hooks.py").write_text(HOOKS)
    (folder / "broken.py").write_text("def done(:")
    return file


GOOD: dict[str, dict[str, Any]] = {
    "pose": {"type": "pose", **POSE},
    "sum": {"type": "sum", "terms": {"done": HUMAN, "calm": {"type": "action", "weight": -0.01}}},
    "multi-stage": {"type": "multi-stage", "stages": STAGES},
    "hook": HOOK,
}
LEARNT = [{"name": name, **CLASSIFIER} for name in ("over", "there")]
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "an operator's word before the last stage": (
        {"type": "multi-stage", "stages": STAGES[::-1]},
        "reward.stages[0].type: the operator's word ends the episode",
    ),
    "no pose": ({"type": "pose", "within": {"z": 0.1}}, "reward: missing key 'pose'"),
    "no tolerance": ({"type": "pose", "pose": POSE["pose"]}, "reward: missing key 'within'"),
    "an axis that does not exist": (
        {"type": "pose", "pose": POSE["pose"], "within": {"yaw": 0.1}},
        "'yaw'",
    ),
    "an arm that does not exist": (
        {"type": "pose", **POSE, "arms": {"left": POSE}},
        "reward.arms.left: there is no arm 'left'",
    ),
    "a term that does not exist": (
        {"type": "sum", "terms": {"done": HUMAN, "gentle": {"type": "forse", "weight": 1}}},
        "reward.terms.gentle.type: there is no 'forse' to take here",
    ),
    "an option that its term does not have": (
        {"type": "sum", "terms": {"done": HUMAN, "f": {"type": "force", "weight": 1, "fulln": 1}}},
        "reward.terms.f.fulln: unknown key",
    ),
    "options that stand beside a term's type": (
        {"type": "sum", "terms": {"done": {**HUMAN, "options": {}}}},
        "reward.terms.done.options: unknown key",
    ),
    "a sum without an end": (
        {"type": "sum", "terms": {"calm": {"type": "action", "weight": -1}}},
        "reward.terms: no term is a reward",
    ),
    "a success that costs": (
        {"type": "sum", "terms": {"done": {**HUMAN, "weight": -1}}},
        "reward.terms.done.weight: the weight of a reward is more than 0",
    ),
    "a weight that is no number": (
        {"type": "sum", "terms": {"done": {**HUMAN, "weight": True}}},
        "reward.terms.done.weight: expected a number, got true",
    ),
    "a term of an arm that does not exist": (
        {
            "type": "sum",
            "terms": {"done": HUMAN, "f": {"type": "force", "weight": -1, "arm": "left"}},
        },
        "reward.terms.f.arm: there is no arm 'left'",
    ),
    "a classifier among the terms": (
        {"type": "sum", "terms": {"done": {**CLASSIFIER, "weight": 1}}},
        "reward.terms.done.type: a classifier needs labels and classifier of its own",
    ),
    "a camera that a stage does not have": (
        {"type": "multi-stage", "stages": [LEARNT[0], {**LEARNT[1], "cameras": ["writs"]}]},
        "reward.stages[1].cameras[0]: there is no camera 'writs'",
    ),
    "a stage with another encoder": (
        {"type": "multi-stage", "stages": [LEARNT[0], {**LEARNT[1], "encoder": "resnet10"}]},
        "agent.encoder: the reward has resnet10, the agent efficientnet-lite0",
    ),
    "a stage with an encoder that does not exist": (
        {"type": "multi-stage", "stages": [LEARNT[0], {**LEARNT[1], "encoder": "resnet01"}]},
        "reward.stages[1].encoder: unknown encoder 'resnet01'",
    ),
    "a stage that is called as what is none": (
        {"type": "multi-stage", "stages": [{**LEARNT[0], "name": "failure"}, LEARNT[1]]},
        "reward.stages[0].name: labels call failure what no stage is",
    ),
    "a sum in a sum": (
        {"type": "sum", "terms": {"done": {"type": "sum", "weight": 1}}},
        "reward.terms.done.type: there is no 'sum' to take here",
    ),
    "stages of one name": (
        {"type": "multi-stage", "stages": [STAGES[0], {**STAGES[1], "name": "down"}]},
        "reward.stages: 2 stages are called 'down'",
    ),
    "shares that leave nothing": (
        {"type": "multi-stage", "stages": [{**STAGES[0], "share": 1.0}, STAGES[1]]},
        "leave nothing for the other stages",
    ),
    "shares that are not 1": (
        {"type": "multi-stage", "stages": [{**one, "share": 0.3} for one in STAGES]},
        "reward.stages: the shares of the stages are 0.6 in all, not 1",
    ),
    "a stage that lacks its pose": (
        {"type": "multi-stage", "stages": [{"name": "down", "type": "pose"}, STAGES[1]]},
        "reward.stages[0]: missing key 'pose'",
    ),
    "only one stage": (
        {"type": "multi-stage", "stages": STAGES[:1]},
        "reward.stages: expected at least 2 values",
    ),
    "a hook that names no function": ({"type": "hook", "judge": "hooks.py"}, "reward.judge"),
    "a hook without its file": (
        {**HOOK, "judge": "hoks:done"},
        "reward.judge: there is no hoks.py beside task.yaml",
    ),
    "a hook that its file does not have": (
        {**HOOK, "judge": "hooks:dome"},
        "reward.judge: there is no function 'dome' in hooks.py",
    ),
    "a hook that is no Python": (
        {**HOOK, "judge": "broken:done"},
        "reward.judge: broken.py is no Python",
    ),
    "a hook of a stage that is not there": (
        {"type": "multi-stage", "stages": [STAGES[0], {**HOOK, "name": "b", "judge": "a:b"}]},
        "reward.stages[1].judge: there is no a.py beside task.yaml",
    ),
    "a hook of a term that is not there": (
        {"type": "sum", "terms": {"done": {**HOOK, "weight": 1, "judge": "a:b"}}},
        "reward.terms.done.judge: there is no a.py beside task.yaml",
    ),
    "bounds of a hook that are no bounds": (
        {**HOOK, "extra": [0.5, -0.5]},
        "reward.extra: the least, 0.5, is above the most, -0.5",
    ),
    "bounds of a hook without end": (
        {**HOOK, "extra": [0, 1e300]},
        "reward.extra[1]: expected at most 100",
    ),
    "a pose in millimetres": (
        {"type": "pose", **POSE, "pose": [500, 0, 200, 3.14, 0, 0]},
        "reward.pose[0]: 500 m is out of any arm's reach",
    ),
    "a pose in degrees": (
        {"type": "pose", **POSE, "pose": [0.5, 0, 0.2, 180, 0, 0]},
        "reward.pose[3]: 180 rad is more than a full turn",
    ),
    "a tolerance in millimetres": (
        {"type": "pose", **POSE, "within": {"z": 10}},
        "reward.within.z: 10 m is out of any arm's reach",
    ),
    "a tolerance in degrees": (
        {"type": "pose", **POSE, "within": {"rz": 10}},
        "reward.within.rz: 10 rad is more than a full turn",
    ),
    "a pose that the tool never comes to": (
        {"type": "pose", **POSE, "pose": [0.5, 0, 0.9, 3.14, 0, 0]},
        "reward.pose[2]: z = 0.9 ± 0.005 m is outside the bounds",
    ),
    "a stage that is never reached": (
        {
            "type": "multi-stage",
            "stages": [{**STAGES[0], "pose": [0.5, 0, -0.9, 3.14, 0, 0]}, STAGES[1]],
        },
        "reward.stages[0].pose[2]: z = -0.9 ± 0.005 m is outside the bounds",
    ),
    "a distance in millimetres": (
        {
            "type": "sum",
            "terms": {
                "done": HUMAN,
                "d": {"type": "distance", "weight": -1, "position": [500, 0, 0]},
            },
        },
        "reward.terms.d.position[0]: 500 m is out of any arm's reach",
    ),
}


@pytest.mark.parametrize("kind", GOOD)
def test_a_reward_is_read_and_comes_back_from_what_is_stored(tmp_path: Path, kind: str) -> None:
    spec = load_task(task(tmp_path / "reach", GOOD[kind]))
    assert spec.reward.type == kind
    assert task_from_dump(spec.model_dump(mode="json")) == spec


def test_what_is_learnt_of_a_reward_follows_from_its_stages(tmp_path: Path) -> None:
    stages = [LEARNT[0], {**STAGES[0], "name": "low"}, LEARNT[1]]
    spec = load_task(task(tmp_path / "reach", {"type": "multi-stage", "stages": stages}))
    assert task_from_dump(spec.model_dump(mode="json")) == spec
    assert [*classifiers_of(spec)] == ["over", "there"]
    assert stages_needed(spec) == ("labels", "classifier")
    assert stages_needed(load_task(task(tmp_path / "other", GOOD["multi-stage"]))) == ()


@pytest.mark.parametrize("flaw", BAD)
def test_a_wrong_reward_is_refused_at_its_place(tmp_path: Path, flaw: str) -> None:
    reward, told = BAD[flaw]
    with pytest.raises(TaskProblemsError) as caught:
        load_task(task(tmp_path / "reach", reward))
    assert any(told in problem.message for problem in caught.value.problems), [
        problem.message for problem in caught.value.problems
    ]


def test_a_price_of_forces_needs_an_arm_that_measures_them(tmp_path: Path) -> None:
    gentle = {"type": "force", "weight": -0.01}
    file = task(tmp_path, {"type": "sum", "terms": {"done": HUMAN, "gentle": gentle}})
    load_task(file)
    deaf = {"type": "so101", "port": "/dev/so101", "model": "a.xml", "calibration": "c.json"}
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "robot": deaf}))
    with pytest.raises(TaskProblemsError) as told:
        load_task(file)
    messages = [problem.message for problem in told.value.problems]
    assert "reward.terms.gentle.type: the arm's driver measures no forces" in messages
