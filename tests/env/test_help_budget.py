"""An operator whose help is counted, for comparisons in which all have the same of it."""

from __future__ import annotations

import numpy as np
import pytest
from bench_stand import Hand
from still_env import StillEnv

from hilctl.env.questions import Questions
from hilctl.env.wrappers import Takeover
from hilctl.teleop.base import TeleopEvent, TeleopInput

PUSH, IDLE = TeleopInput(twist=np.full(6, 0.5), engaged=True), TeleopInput()


def helped(script: list[TeleopInput], help_steps: int | None) -> tuple[list[bool], Takeover]:
    """Return which steps of a script the operator was in charge of; the policy does nothing."""
    env, hand = StillEnv(steps=len(script)), Hand(script)
    taken = Takeover(env, hand, Questions(hand, env.clock), help_steps)
    told = [taken.step(np.zeros(6))[4] for _ in script]
    assert [info["human_action"] is not None for info in told] == [i["intervened"] for i in told]
    return [info["intervened"] for info in told], taken


@pytest.mark.parametrize(
    ("help_steps", "expected"),
    [(None, [1, 0, 1, 1]), (2, [1, 0, 1, 0]), (0, [0, 0, 0, 0]), (9, [1, 0, 1, 1])],
)
def test_a_hand_is_in_charge_for_so_many_steps_and_no_more(
    help_steps: int | None, expected: list[int]
) -> None:
    flags, _ = helped([PUSH, IDLE, PUSH, PUSH], help_steps)
    assert flags == [bool(flag) for flag in expected]


def test_what_is_left_is_left_for_the_next_episode() -> None:
    _, taken = helped([PUSH, PUSH], 3)
    taken.env.reset()
    taken.teleop = Hand([PUSH, PUSH])
    assert [taken.step(np.zeros(6))[4]["intervened"] for _ in range(2)] == [True, False]


def test_who_may_not_help_any_more_can_still_say_something() -> None:
    env, hand = StillEnv(), Hand([TeleopInput(engaged=True, events=(TeleopEvent.FAILURE,))])
    taken = Takeover(env, hand, Questions(hand, env.clock), 0)
    *_, truncated, info = taken.step(np.zeros(6))
    assert truncated
    assert info["events"] == (TeleopEvent.FAILURE,)
