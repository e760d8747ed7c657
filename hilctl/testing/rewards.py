"""What every reward promises."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from hilctl.rewards import REWARDS
from hilctl.rewards.base import ACTION, Judgement, Measured, Reward, RewardSource
from hilctl.teleop.base import TeleopEvent

FRAMES = 6
STAGES = {"labels", "classifier"}  # those that a reward may need


class RewardContract:
    """Tests of a reward.

    Attributes:
        type: as a task file names it.
        options: that it can be opened with here.
    """

    type: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}

    def open(self, folder: Path) -> Reward:
        """Return the reward; override it where something has to be learnt first."""
        cls = REWARDS.get(self.type)
        options = cls.OptionsType(**self.options)
        return cls.open(RewardSource(folder, options, {}, "efficientnet-lite0", "0" * 16, folder))

    def features(self, count: int) -> dict[str, NDArray[np.float16]]:
        """Return camera → (count, rows, columns, channels) features that it may be asked about."""
        noise = np.random.default_rng(0).normal(size=(count, 4, 4, 8))
        return {"wrist": noise.astype(np.float16)}

    def measured(self, count: int) -> list[Measured]:
        """Return what an arm measured and was told in each of so many steps."""
        rng = np.random.default_rng(1)
        widths = {"tcp_velocity": 6, "tcp_wrench": 6, "q": 7, "gripper": 1, ACTION: 6}
        return [
            {"tcp_pose": np.array([*rng.uniform(-1, 1, 3), 0, 0, 0, 1])}
            | {name: rng.uniform(-1, 1, width) for name, width in widths.items()}
            for _ in range(count)
        ]

    @pytest.fixture
    def reward(self, tmp_path: Path) -> Reward:
        """The reward."""
        return self.open(tmp_path)

    def judged(self, reward: Reward) -> list[Judgement]:
        """Return what it says of an episode, from its beginning."""
        seen, measured = self.features(FRAMES), self.measured(FRAMES)
        reward.reset()
        return [
            reward.judge({name: maps[i] for name, maps in seen.items()}, (), measured[i])
            for i in range(FRAMES)
        ]

    def test_a_judgement_is_a_word_and_a_confidence(self, reward: Reward) -> None:
        seen = {name: maps[0] for name, maps in self.features(1).items()}
        reward.reset()
        for events in ((), *((event,) for event in TeleopEvent)):
            judgement = reward.judge(seen, events, self.measured(1)[0])
            assert type(judgement.success) is bool
            assert 0 <= judgement.probability <= 1

    def test_an_episode_is_judged_as_if_it_were_the_first(self, reward: Reward) -> None:
        assert self.judged(reward) == self.judged(reward)

    def test_what_an_episode_earns_lies_within_the_bounds_of_its_values(
        self, reward: Reward
    ) -> None:
        options = reward.OptionsType(**self.options) if self.options else None
        for discount in (0.0, 0.9):
            low, high = type(reward).value_bounds(options, discount)
            for success in (False, True):
                value = 0.0
                for i, judgement in enumerate(judged := self.judged(reward)):
                    ends = i == len(judged) - 1
                    value += discount**i * judgement.reward(success=success and ends)
                assert low - 1e-6 <= value <= high + 1e-6

    def test_only_one_that_says_so_pays_on_the_way(self, reward: Reward) -> None:
        judged = self.judged(reward)
        if not reward.pays_on_the_way:
            assert {(one.on_the_way, one.when_done) for one in judged} == {(0.0, 1.0)}
        assert len({frozenset(one.seen) for one in judged}) == 1

    def test_the_stages_that_it_needs_are_known(self, reward: Reward) -> None:
        assert {*reward.stages_needed(reward.OptionsType(**self.options))} <= STAGES
        assert reward.judge_name

    def test_a_model_goes_to_another_process_and_judges_the_same(self, reward: Reward) -> None:
        if reward.model is None:
            return
        before = self.judged(reward)
        reward.model = reward.model.with_arrays(
            {name: np.array(array) for name, array in reward.model.arrays().items()}
        )
        assert self.judged(reward) == before
        with pytest.raises(ValueError, match=r"."):
            reward.model.with_arrays({"unknown": np.zeros(1)})

    def test_whoever_corrects_it_makes_newer_versions_from_corrections_alone(
        self, reward: Reward
    ) -> None:
        corrector = reward.corrector(seed=0)
        if corrector is None:
            return
        first = corrector.version
        corrector.refit()
        assert corrector.version == first
        seen = self.features(FRAMES)
        for _ in range(2):  # one source is learnt from once
            corrector.add(seen, success=False, reason="veto", source="episode_000001")
            corrector.refit()
        assert corrector.version == first + 1
        assert {*corrector.model.cameras} <= {*seen}
