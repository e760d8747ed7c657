"""The classifier of the insertion task holds the bar on held-out episodes and on new ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from processes import make_task

from hilctl.data.step import EpisodeSummary, Step
from hilctl.env.loop import EpisodeLoop
from hilctl.env.make import open_station
from hilctl.networks.encoders import ENCODERS
from hilctl.pipeline.classify.train_classifier import ClassifierResult, train_classifier
from hilctl.pipeline.record.labels import record_labels
from hilctl.rewards.classifier import ClassifierReward
from hilctl.task.workspace import Workspace
from hilctl.teleop.base import Role
from hilctl.training.random_policy import RandomPolicy

FRAMES = 500
BAR = 0.005


@dataclass
class Judge:
    """Compare what the reward says of each frame with the simulator's truth."""

    reward: ClassifierReward
    solved: Callable[[], bool]
    frames: int = 0
    single: int = 0  # failures that look like success
    claimed: int = 0  # failures that end an episode
    _truths: list[bool] = field(default_factory=list)

    def on_episode_start(self) -> None:
        self.reward.reset()

    def on_step(self, step: Step) -> None:
        judgement = self.reward.judge(step.next_observation.features)
        if not self.solved():
            self.frames += 1
            self.single += judgement.probability >= self.reward.model.threshold
            self.claimed += judgement.success

    def on_episode_end(self, summary: EpisodeSummary) -> None:
        pass


def judge_random_frames(space: Workspace, result: ClassifierResult, seed: int) -> Judge:
    """Fly about at random, as no label episode did, and judge every frame."""
    encoder = ENCODERS.get("efficientnet-lite0")(None)
    with open_station(space.spec, seed=seed, encode=encoder) as station:
        world = station.rig.world
        assert world is not None
        reward = ClassifierReward(result.fitted.model, result.fitted.consecutive)
        judge = Judge(reward, world.solved)
        policy = RandomPolicy(np.random.default_rng(seed), station.action_layout)
        loop = EpisodeLoop(
            station.env, policy, station.teleop, Role.WATCH, [judge], claims_end_episode=False
        )
        while judge.frames < FRAMES:
            loop.run_episode()
    return judge


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_false_positives(seed: int, tmp_path: Path) -> None:
    space = make_task(tmp_path / "task", "sim-insert", {})
    record_labels(space, seed=seed)
    result = train_classifier(space, seed=seed).each[0]
    result.check()
    metrics = result.fitted.metrics
    assert metrics.false_positive_rate <= BAR
    assert metrics.recall >= 0.8
    judge = judge_random_frames(space, result, seed=10_000 + seed)
    assert judge.single <= BAR * judge.frames
    assert judge.claimed <= BAR * judge.frames
