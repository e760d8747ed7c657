"""The layout that an episode carries, and what happens where two of them meet."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from episode_samples import ATTRIBUTES, make_steps, write_episode

from hilctl.data.dataset import Dataset
from hilctl.data.header import EpisodeHeader
from hilctl.data.index import rebuild_index
from hilctl.errors import DamagedDataError, DataError
from hilctl.task.layout import ActionLayout, ActionPart

ARM = ActionLayout.one_arm()
GRIPPER = ActionPart("gripper", "", "gripper", 1, (-1.0, 0.0, 1.0))
HAND = ActionLayout((*ARM.parts, GRIPPER))
FINGERPRINT = ATTRIBUTES["task_fingerprint"]


def write_with_gripper(folder: Path) -> Path:
    steps = [
        replace(
            step,
            executed_action=np.append(step.executed_action, 1.0),
            policy_action=None,
            human_action=None,
        )
        for step in make_steps(4)
    ]
    return write_episode(folder, steps, action_layout=HAND.as_json())


def test_an_episode_carries_its_layout(tmp_path: Path) -> None:
    path = write_with_gripper(tmp_path)
    assert EpisodeHeader.read(path).action_layout == HAND
    with h5py.File(path) as file:
        stored = json.loads(file["episode"].attrs["action_layout"])
    assert ActionLayout.from_json(stored) == HAND


def test_an_episode_without_a_layout_is_of_one_arm_without_gripper(tmp_path: Path) -> None:
    header = EpisodeHeader.read(write_episode(tmp_path, make_steps(4)))
    assert header.action_layout == ARM
    assert len(Dataset.open(tmp_path, expect_fingerprint=FINGERPRINT, expect_actions=ARM)) == 1


def test_episodes_of_another_layout_are_refused_by_the_part_that_differs(tmp_path: Path) -> None:
    path = write_with_gripper(tmp_path)
    with pytest.raises(DataError) as caught:
        Dataset.open(tmp_path, expect_fingerprint=FINGERPRINT, expect_actions=ARM)
    assert caught.value.message == (
        f"{path.name} was recorded with action part `gripper` (discrete), this task has none"
    )
    assert caught.value.where == str(path)


def test_rows_that_are_not_as_wide_as_their_layout_are_damage(tmp_path: Path) -> None:
    write_episode(tmp_path, make_steps(4), action_layout=HAND.as_json())
    with pytest.raises(DamagedDataError, match="actions have 6 columns, their layout 7"):
        Dataset.open(tmp_path, expect_fingerprint=None)


def test_a_layout_that_is_none_is_damage(tmp_path: Path) -> None:
    write_episode(tmp_path, make_steps(4), action_layout={"parts": "all of them"})
    with pytest.raises(DamagedDataError):
        Dataset.open(tmp_path, expect_fingerprint=None)


def test_the_index_tells_other_programs_what_the_actions_are(tmp_path: Path) -> None:
    write_with_gripper(tmp_path)
    with h5py.File(rebuild_index(tmp_path)) as index:
        stored = json.loads(index["data"].attrs["action_layout"])
    assert ActionLayout.from_json(stored) == HAND
