"""The sum of terms: linear in the weights, within its bounds, and done when its rewards are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilctl.rewards import REWARDS
from hilctl.rewards.base import RewardSource
from hilctl.rewards.terms import TERMS
from hilctl.rewards.weighted_sum import SumOptions, SumReward
from hilctl.teleop.base import TeleopEvent

WEIGHTS = st.floats(-2, 2)
NUMBERS = st.floats(-3, 3)
SHAPED = {
    "near": {"type": "distance", "position": [0.1, 0.2, 0.3], "full_m": 0.5},
    "gentle": {"type": "force", "full_n": 2.0},
    "calm": {"type": "action"},
}


def options(done: float, **weights: float) -> SumOptions:
    shaped: dict[str, Any] = {name: {"weight": w, **SHAPED[name]} for name, w in weights.items()}
    return SumOptions(terms={"done": {"weight": done, "type": "human"}, **shaped})


def opened(chosen: SumOptions, tmp: Any = None) -> SumReward:
    return SumReward.open(RewardSource(tmp, chosen, {}, "none", "0"))


@st.composite
def measurements(draw: st.DrawFn) -> dict[str, np.ndarray]:
    def some(count: int) -> np.ndarray:
        return np.array(draw(st.lists(NUMBERS, min_size=count, max_size=count)))

    return {
        "tcp_pose": np.array([*some(3), 0, 0, 0, 1]),
        "tcp_wrench": some(6),
        "action": np.clip(some(6), -1, 1),
    }


@given(measurements(), st.lists(WEIGHTS, min_size=3, max_size=3), st.floats(0.1, 2), st.booleans())
def test_a_step_earns_the_weighted_sum_of_what_is_seen(
    measured: dict[str, np.ndarray], weights: list[float], done: float, success: bool
) -> None:
    chosen = dict(zip(SHAPED, weights, strict=True))
    events = (TeleopEvent.SUCCESS,) if success else ()
    judgement = opened(options(done, **chosen)).judge({}, events, measured)
    assert judgement.success is success
    assert all(0 <= value <= 1 for value in judgement.seen.values())
    total = sum(weight * judgement.seen[name] for name, weight in chosen.items())
    assert judgement.on_the_way == pytest.approx(total)
    assert judgement.when_done == pytest.approx(total + done)


@given(
    st.lists(measurements(), min_size=1, max_size=30),
    st.lists(WEIGHTS, min_size=3, max_size=3),
    st.floats(0.1, 2),
    st.floats(0.1, 0.99),
)
def test_no_episode_is_worth_more_or_less_than_the_bounds(
    episode: list[dict[str, np.ndarray]], weights: list[float], done: float, discount: float
) -> None:
    chosen = options(done, **dict(zip(SHAPED, weights, strict=True)))
    reward = opened(chosen)
    low, high = SumReward.value_bounds(chosen, discount)
    value = 0.0
    for i, measured in enumerate(episode):
        last = i == len(episode) - 1
        value += discount**i * reward.judge({}, (), measured).reward(success=last)
    assert low - 1e-9 <= value <= high + 1e-9


def test_terms_are_what_they_are_called() -> None:
    judge = opened(options(1.0, near=-1.0, gentle=-1.0, calm=-1.0)).judge
    measured = {
        "tcp_pose": np.array([0.1, 0.2, 0.55, 0, 0, 0, 1]),
        "tcp_wrench": np.array([0, 0, -1.0, 9, 9, 9]),
        "action": np.array([1.0, -1, 0, 0, 0, 0]),
    }
    seen = judge({}, (), measured).seen
    assert seen == pytest.approx({"near": 0.5, "gentle": 0.5, "calm": 3**-0.5, "done": 0})


def test_the_task_is_done_when_all_rewards_say_so_at_once() -> None:
    pose = {"type": "pose", "pose": [0, 0, 0, 0, 0, 0], "within": {"x": 0.1}, "consecutive": 1}
    terms = {"there": {"weight": 0.25, **pose}, "good": {"weight": 0.75, "type": "human"}}
    reward = opened(SumOptions(terms=terms))
    for x in (0.0, 1.0):
        for events in ((), (TeleopEvent.SUCCESS,)):
            measured = {"tcp_pose": np.array([x, 0, 0, 0, 0, 0, 1.0])}
            judgement = reward.judge({}, events, measured)
            assert judgement.success is (x == 0.0 and bool(events))
            assert judgement.reward(success=judgement.success) == float(judgement.success)


def test_no_reward_is_called_like_a_term_which_would_hide_it() -> None:
    assert not {*REWARDS.names()} & {*TERMS}
