"""Demonstrations are judged again by a reward that pays on the way: its stages may be new."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from small_task import make_task, write_demo

from hilctl.data.episode import Episode
from hilctl.pipeline.features import Demonstrations, earned_by
from hilctl.rewards.base import RewardSource
from hilctl.rewards.multi_stage import MultiStageOptions, MultiStageReward
from hilctl.task.workspace import Workspace

STEPS, PASSED = 6, 3


def test_a_demonstration_earns_its_stages_and_1_in_all(tmp_path: Path) -> None:
    """The tool of the demonstration moves 1 mm along x in every step."""
    space = make_task(tmp_path / "reach")
    episode = Episode.read(write_demo(space, steps=STEPS))
    x = space.spec.reset.pose[0] + 0.001 * PASSED
    pose = {"type": "pose", "pose": [x, 0, 0, 0, 0, 0], "within": {"x": 0.0005}, "consecutive": 1}
    stages = [{"name": "passed", "share": 0.25, **pose}, {"name": "done", "type": "human"}]
    source = RewardSource(tmp_path, MultiStageOptions(stages=stages), {}, "none", "0")
    earned = earned_by(episode, {}, MultiStageReward.open(source))
    expected = np.zeros(STEPS)
    expected[PASSED - 1], expected[-1] = 0.25, 0.75
    assert earned == pytest.approx(expected)


class Blind:
    """An encoder that makes nothing of what it is shown."""

    fingerprint = "0"

    def encode_many(self, frames: np.ndarray) -> np.ndarray:
        return np.zeros((len(frames), 1, 1, 1), np.float16)


def test_what_a_stage_sees_is_encoded_even_if_the_policy_does_not_see_it(tmp_path: Path) -> None:
    space = make_task(tmp_path / "reach")
    data = yaml.safe_load(space.task_file.read_text())
    data["observation"]["images"] = ["wrist"]
    seen_by = {"type": "classifier", "cameras": ["side"]}
    stages = [{"name": name, **seen_by} for name in ("near", "there")]
    for reward, cameras in (
        ({"type": "multi-stage", "stages": stages}, {"wrist", "side"}),
        (seen_by, {"wrist"}),  # the end of a demonstration is known
    ):
        space.task_file.write_text(yaml.safe_dump({**data, "reward": reward}))
        task = Workspace(space.root)
        write_demo(task, steps=STEPS)
        demos = Demonstrations.load(task, Blind())  # type: ignore[arg-type]
        assert {*demos.features[0]} == cameras
