"""A task with a Gymnasium environment in place of a robot, from the task file to labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilctl.data.dataset import Dataset
from hilctl.errors import DataError, DeviceError, TaskFileError, UsageError
from hilctl.pipeline.calibrate.camera_files import require_robot
from hilctl.pipeline.doctor.devices import examine_devices
from hilctl.pipeline.events import Event
from hilctl.pipeline.record.demos import record_demos
from hilctl.pipeline.record.labels import are_complete, record_labels
from hilctl.pipeline.stages import survey
from hilctl.task.load import load_task, task_from_dump
from hilctl.task.workspace import Workspace

HOOKS = Path(__file__).parents[1] / "env" / "made_up_world.py"
TASK = """\
format: 1
name: point
instruction: move the point to the middle
environment:
  type: gymnasium
  id: hooks:Point-v0
  images: {front: pixels/front, top: pixels/top}
  state: [agent_pos]
  success: info/is_success
  size: [32, 32]
teleop: {type: scripted, operator: "hooks:expert"}
control: {rate_hz: 10, max_episode_s: 3}
reward: {type: classifier, cameras: [front], success_frames: 100, failure_frames: 60}
agent: {type: rlpd, encoder: efficientnet-lite0}
training: {demos: 3}
"""


def made(folder: Path, changes: dict[str, str] | None = None) -> Workspace:
    text = TASK
    for old, new in (changes or {}).items():
        assert old in text
        text = text.replace(old, new)
    (folder / "task.yaml").write_text(text)
    (folder / "hooks.py").write_text(HOOKS.read_text())
    return Workspace(folder)


def test_its_demonstrations_are_recorded_by_its_own_expert(tmp_path: Path) -> None:
    workspace = made(tmp_path)
    result = record_demos(workspace)
    assert result.demos == 3
    for episode in Dataset.open(workspace.demos, expect_fingerprint=None).episodes():
        assert episode.actions.shape == (len(episode), 2)
        assert episode.cameras == ["front", "top"]
        assert episode.images("front").shape[1:] == (32, 32, 3)
        assert np.linalg.norm(episode.state("agent_pos")[-1]) < 0.1
        assert episode.header.true_success
        assert episode.header.action_layout.size == 2


def test_its_labels_come_from_interrupted_whole_and_random_episodes(tmp_path: Path) -> None:
    workspace = made(tmp_path)
    told: list[Event] = []
    result = record_labels(workspace, report=told.append)
    assert result.found["success"] >= 100
    assert result.found["failure"] >= 60
    assert are_complete(workspace)
    assert {"interrupted", "success", "random"} <= {str(e.figures.get("source")) for e in told}
    assert set(result.as_dict()["sources"]) == {"interrupted", "success", "random"}
    for episode in Dataset.open(workspace.labels, expect_fingerprint=None).episodes():
        away = np.linalg.norm(episode.state("agent_pos")[1:], axis=1)
        labels = np.asarray(episode.labels)
        assert (away[labels == 1] < 0.1).all()
        assert (away[labels == 0] >= 0.1).all()


def test_what_needs_a_robot_is_neither_listed_nor_done(tmp_path: Path) -> None:
    workspace = made(tmp_path)
    assert "cameras" not in [stage.name for stage in survey(workspace)]
    with pytest.raises(UsageError, match="nothing to calibrate"):
        require_robot(workspace)


def test_doctor_opens_environment_and_operator(tmp_path: Path) -> None:
    workspace = made(tmp_path)
    found = examine_devices(workspace.spec, workspace.root)
    assert [(one.subject, one.ok) for one in found] == [("environment", True), ("teleop", True)]


def test_an_environment_that_cannot_be_opened_is_said_by_doctor(tmp_path: Path) -> None:
    workspace = made(tmp_path, {"pixels/top": "pixels/tip"})
    found = examine_devices(workspace.spec, workspace.root)
    assert [(one.subject, one.ok) for one in found] == [("environment", False), ("teleop", None)]
    assert "pixels/tip" in found[0].detail


def test_an_expert_that_raises_ends_the_recording_as_a_fault_of_a_device(tmp_path: Path) -> None:
    workspace = made(tmp_path, {"hooks:expert": "hooks:failing_expert"})
    with pytest.raises(DeviceError, match="the expert failed"):
        record_demos(workspace)
    assert not list(workspace.demos.glob("*.hdf5"))
    assert not list(workspace.demos.glob("*.partial"))


def test_episodes_of_another_environment_are_refused(tmp_path: Path) -> None:
    record_demos(made(tmp_path))
    other = made(tmp_path, {"pixels/top": "pixels/front"})
    with pytest.raises(DataError, match=r"environment\.images\.top"):
        record_demos(other)


def test_where_the_interpreter_is_and_how_long_it_may_take_is_no_other_task(
    tmp_path: Path,
) -> None:
    record_demos(made(tmp_path))
    other = made(tmp_path, {"size: [32, 32]": "size: [32, 32]\n  limit_s: 10"})
    assert record_demos(other).recorded == 0


def test_a_task_comes_back_from_what_a_run_keeps_of_it(tmp_path: Path) -> None:
    spec = made(tmp_path).spec
    assert task_from_dump(spec.model_dump(mode="json")) == spec
    assert spec.observation.images == ["front", "top"]
    assert spec.observation.state == ["agent_pos"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"teleop:": "robot: {type: sim, scene: reach}\nteleop:"}, "in place of its robot"),
        ({"teleop:": "cameras: {a: {type: sim, view: side}}\nteleop:"}, "place of its cameras"),
        ({"max_episode_s: 3": "max_episode_s: 3, translation_m: 0.02"}, "no such setting"),
        ({"cameras: [front]": "cameras: [frnt]"}, "did you mean 'front'?"),
        ({"type: gymnasium": "type: gimnasium"}, "did you mean 'gymnasium'?"),
        ({"  success: info/is_success\n": ""}, "missing key 'success'"),
        ({"[agent_pos]": "[tcp_pose]"}, "'tcp_pose' is a robot's measurement"),
        ({"top: pixels/top": "agent_pos: pixels/top"}, "the name of a measurement, too"),
        ({"size: [32, 32]": "sise: [32, 32]"}, "did you mean"),
        ({"info/is_success": "reward > 0"}, "'reward > 0' is neither a path nor a path with"),
        ({"info/is_success": "reward >= much"}, "'reward >= much' is neither"),
        ({"info/is_success": "reward >= inf"}, "'reward >= inf' is neither"),
        (
            {"reward:": "observation: {images: [front], state: [agent_pso]}\nreward:"},
            "environment.state has no 'agent_pso'",
        ),
    ],
)
def test_what_such_a_task_file_cannot_say_is_told(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    made(tmp_path, changes)
    with pytest.raises(TaskFileError) as caught:
        load_task(tmp_path)
    assert message in str(caught.value)
    assert "task.yaml has 1 problem" in str(caught.value)
