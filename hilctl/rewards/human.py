"""The operator's word as the reward, in real time: nothing to label, nothing to train."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hilctl.rewards.base import NOTHING_MEASURED, Judgement, Measured, Reward
from hilctl.teleop.base import TeleopEvent, claims_success


class HumanReward(Reward):
    """Call the task done in the step in which the operator does."""

    judge_name: ClassVar[str] = "operator"

    def reset(self) -> None:
        """Do nothing: there is nothing to remember."""

    def judge(
        self,
        features: Mapping[str, NDArray[np.float16]],
        events: Collection[TeleopEvent] = (),
        measured: Measured = NOTHING_MEASURED,
    ) -> Judgement:
        """Judge by what the operator said.

        Args:
            features: not looked at.
            events: what the operator said in the step that led here.
            measured: not looked at.
        """
        success = claims_success(events)
        return Judgement(success, float(success))
