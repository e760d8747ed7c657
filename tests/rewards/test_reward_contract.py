"""Every reward of the registry keeps its contract."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from toy_scene import CAMERAS, IDENTITY, SOURCE, features

from hilctl.rewards import REWARDS
from hilctl.rewards.base import Reward, RewardSource
from hilctl.rewards.classifier import ClassifierOptions, ClassifierReward
from hilctl.rewards.fit import FittedClassifier
from hilctl.rewards.multi_stage import MultiStageOptions, MultiStageReward
from hilctl.rewards.store import save_classifier
from hilctl.testing import RewardContract


class TestHumanReward(RewardContract):
    type = "human"


GOAL = {"pose": [0, 0, 0, 0, 0, 0], "within": {"x": 0.5, "y": 0.5}}
HOOK = """\
def near():
    return lambda measured, features: (abs(measured["tcp_pose"][0]) < 0.5, -0.1)
"""


class TestPoseReward(RewardContract):
    type = "pose"
    options: ClassVar = {**GOAL, "consecutive": 1}


class TestHookReward(RewardContract):
    type = "hook"
    options: ClassVar = {"judge": "hooks:near", "extra": [-0.2, 0]}

    def open(self, folder: Path) -> Reward:
        (folder / "hooks.py").write_text(HOOK)
        return super().open(folder)


class TestSumReward(RewardContract):
    type = "sum"
    options: ClassVar = {
        "terms": {
            "there": {"type": "pose", "weight": 2.0, **GOAL},
            "near": {"type": "distance", "weight": -0.1, "position": [0, 0, 0]},
            "calm": {"type": "action", "weight": 0.05},
        }
    }


class TestMultiStageReward(RewardContract):
    type = "multi-stage"
    options: ClassVar = {
        "stages": [
            {"name": "there", "type": "pose", **GOAL, "consecutive": 1},
            {"name": "good", "type": "human"},
        ]
    }


class TestClassifierReward(RewardContract):
    type = "classifier"
    options: ClassVar = {"cameras": list(CAMERAS)}

    @pytest.fixture(autouse=True)
    def trained(self, classifier: FittedClassifier) -> None:
        self.classifier = classifier

    def open(self, folder: Path) -> Reward:
        save_classifier(folder, self.classifier)
        options = ClassifierOptions(cameras=list(CAMERAS))
        about = (SOURCE.encoder, SOURCE.encoder_fingerprint)
        return ClassifierReward.open(RewardSource(folder, options, IDENTITY, *about))

    def features(self, count: int) -> dict[str, np.ndarray]:
        return features(np.random.default_rng(3).uniform(-1, 1, (count, 3)))


class TestStagesOfClassifiers(TestClassifierReward):
    type = "multi-stage"
    options: ClassVar = {
        "stages": [
            {"name": name, "type": "classifier", "cameras": list(CAMERAS)}
            for name in ("near", "there")
        ]
    }

    def open(self, folder: Path) -> Reward:
        for stage in ("near", "there"):
            save_classifier(folder / stage, self.classifier)
        options = MultiStageOptions(**self.options)
        about = (SOURCE.encoder, SOURCE.encoder_fingerprint)
        return MultiStageReward.open(RewardSource(folder, options, IDENTITY, *about))


def test_every_registered_reward_is_tested() -> None:
    tested = [TestHumanReward, TestClassifierReward, TestPoseReward]
    tested += [TestHookReward, TestSumReward, TestMultiStageReward]
    assert REWARDS.names() == sorted(one.type for one in tested)
