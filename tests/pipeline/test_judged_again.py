"""Demonstrations are judged again by a reward that pays on the way: its stages may be new."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_task import make_task, write_demo

from hilctl.data.episode import Episode
from hilctl.pipeline.features import earned_by
from hilctl.rewards.base import RewardSource
from hilctl.rewards.multi_stage import MultiStageOptions, MultiStageReward

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
