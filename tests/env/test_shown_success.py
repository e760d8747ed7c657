"""How long an episode that shows success goes on."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from still_env import StillEnv

from hilctl.env.base import Obs
from hilctl.pipeline.record.label_sources import SHOWN
from hilctl.pipeline.record.labelling import FAILURE, SUCCESS
from hilctl.teleop.base import TeleopEvent


class AlwaysSuccess(gymnasium.Wrapper[Obs, np.ndarray, Obs, np.ndarray]):
    """An operator who calls everything a success."""

    def step(self, action: np.ndarray) -> Any:
        *seen, info = self.env.step(action)
        return (*seen, {**info, "events": (TeleopEvent.SUCCESS,)})


@pytest.mark.parametrize(("by_hand", "frames"), [(False, 5), (True, 20)])
def test_a_person_holds_a_success_for_longer_than_a_script(by_hand: bool, frames: int) -> None:
    env = SHOWN.cut(AlwaysSuccess(StillEnv(1000)), 10, by_hand=by_hand)
    env.reset()
    steps = 1
    while not env.step(np.zeros(6))[3]:
        steps += 1
    assert steps == frames + SHOWN.window(10, by_hand=by_hand).guard


def test_a_person_who_looks_before_calling_a_success_has_called_nothing_a_failure() -> None:
    claims = [False] * 20 + [True] * 20
    for by_hand, failures in ((False, 5), (True, 0)):
        window = SHOWN.window(10, by_hand=by_hand)
        labels = [window.label(claims, frame) for frame in range(len(claims))]
        assert labels.count(FAILURE) == failures
        assert SUCCESS in labels
