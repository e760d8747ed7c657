"""Every reward of the registry keeps its contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from toy_scene import CAMERAS, IDENTITY, SOURCE, features

from hilctl.rewards import REWARDS
from hilctl.rewards.base import Reward, RewardSource
from hilctl.rewards.classifier import ClassifierOptions, ClassifierReward
from hilctl.rewards.fit import FittedClassifier
from hilctl.rewards.store import save_classifier
from hilctl.testing import RewardContract


class TestHumanReward(RewardContract):
    type = "human"


class TestClassifierReward(RewardContract):
    type = "classifier"

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


def test_every_registered_reward_is_tested() -> None:
    assert REWARDS.names() == sorted([TestHumanReward.type, TestClassifierReward.type])
