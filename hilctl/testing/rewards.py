"""What every reward promises."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from hilctl.rewards import REWARDS
from hilctl.rewards.base import Judgement, Reward, RewardSource
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
        return cls.open(RewardSource(folder, options, {}, "efficientnet-lite0", "0" * 16))

    def features(self, count: int) -> dict[str, NDArray[np.float16]]:
        """Return camera → (count, rows, columns, channels) features that it may be asked about."""
        noise = np.random.default_rng(0).normal(size=(count, 4, 4, 8))
        return {"wrist": noise.astype(np.float16)}

    @pytest.fixture
    def reward(self, tmp_path: Path) -> Reward:
        """The reward."""
        return self.open(tmp_path)

    def judged(self, reward: Reward) -> list[Judgement]:
        """Return what it says of an episode, from its beginning."""
        seen = self.features(FRAMES)
        reward.reset()
        return [reward.judge({name: maps[i] for name, maps in seen.items()}) for i in range(FRAMES)]

    def test_a_judgement_is_a_word_and_a_confidence(self, reward: Reward) -> None:
        seen = {name: maps[0] for name, maps in self.features(1).items()}
        reward.reset()
        for events in ((), *((event,) for event in TeleopEvent)):
            judgement = reward.judge(seen, events)
            assert type(judgement.success) is bool
            assert 0 <= judgement.probability <= 1

    def test_an_episode_is_judged_as_if_it_were_the_first(self, reward: Reward) -> None:
        assert self.judged(reward) == self.judged(reward)

    def test_the_stages_that_it_needs_are_known(self, reward: Reward) -> None:
        assert {*reward.stages} <= STAGES
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
