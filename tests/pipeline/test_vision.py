"""What the learner takes from stored episodes, and what it does without."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import pytest
from small_task import edit, make_task

from hilctl.data.dataset import Dataset
from hilctl.data.index import episode_paths
from hilctl.errors import DataError
from hilctl.pipeline.features import states_of
from hilctl.pipeline.record.demos import record_demos
from hilctl.pipeline.record.recording import open_dataset
from hilctl.pipeline.stages import survey
from hilctl.task.workspace import Workspace


@pytest.fixture
def recorded(tmp_path: Path) -> Workspace:
    space = edit(make_task(tmp_path / "ball"), {"demos: 10": "demos: 1"})
    record_demos(space)
    return space


def wants_joints(space: Workspace) -> Workspace:
    return edit(space, {"tcp_velocity, tcp_wrench]": "tcp_velocity, tcp_wrench, joint_position]"})


def test_a_measurement_that_every_episode_holds_can_be_added(recorded: Workspace) -> None:
    changed = wants_joints(recorded)
    (demos,) = [stage for stage in survey(changed) if stage.name == "demos"]
    assert demos.ready
    (episode,) = open_dataset(changed.demos, changed.spec).episodes()
    states = states_of(episode, changed.spec.observation.state)
    assert states["joint_position"].shape == (len(episode) + 1, 7)


def test_a_measurement_that_an_episode_lacks_is_named_with_the_file(recorded: Workspace) -> None:
    (path,) = episode_paths(recorded.demos)
    with h5py.File(path, "r+") as file:
        for group in ("obs", "final_obs"):
            del file[f"episode/{group}/joint_position"]
        layout = json.loads(file["episode"].attrs["observation_layout"])
        del layout["state"]["joint_position"]
        file["episode"].attrs["observation_layout"] = json.dumps(layout)
    (episode,) = Dataset.of_readable(recorded.demos).episodes()
    assert set(states_of(episode, recorded.spec.observation.state)) == {
        "tcp_pose",
        "tcp_velocity",
        "tcp_wrench",
    }
    with pytest.raises(DataError, match="no state 'joint_position'") as caught:
        states_of(episode, wants_joints(recorded).spec.observation.state)
    assert caught.value.where == str(path)
