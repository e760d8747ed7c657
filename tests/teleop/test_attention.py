"""When the operator takes over, and for how long: by the robot's clock, whatever its rate."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from hilctl.teleop.attention import Attention
from hilctl.training.coach import stretches

ACTION_M = 0.004
Way = Callable[[float], float]  # seconds → distance to success in m


def bursts(way: Way, *, rate_hz: float = 10, seed: int = 0, helps_m: float = 0.0) -> list[range]:
    """Return in polls when the operator drove in six seconds.

    Args:
        way: what the policy makes of it on its own.
        helps_m: by how much each poll of the operator shortens that way.
    """
    attention = Attention(np.random.default_rng(seed), ACTION_M * 10 / rate_hz)
    drives, helped_m = [], 0.0
    for poll in range(round(6 * rate_hz)):
        now_ns = 5_000_000_000 + round(poll * 1e9 / rate_hz)
        drives.append(attention.wants_control(way(poll / rate_hz) - helped_m, now_ns))
        helped_m += helps_m * drives[-1]
    return [range(start, start + length) for start, length in stretches(drives)]


def stands_still(seconds: float) -> float:
    return 0.1


@pytest.mark.parametrize("rate_hz", [5, 10, 30])
def test_a_stall_is_answered_in_less_than_a_second_at_any_rate(rate_hz: float) -> None:
    firsts_s = [bursts(stands_still, rate_hz=rate_hz, seed=s)[0].start / rate_hz for s in range(20)]
    assert min(firsts_s) > 0.5  # nobody reacts to what has only just begun
    assert max(firsts_s) <= 0.9 + 1 / rate_hz


def test_a_policy_that_gets_on_is_left_alone() -> None:
    assert bursts(lambda s: 0.1 - 0.015 * s) == []


def test_a_policy_that_hesitates_and_goes_on_is_left_alone() -> None:
    assert bursts(lambda s: 0.1 - 0.015 * (min(s, 1) + max(0.0, s - 1.4))) == []


def test_leaving_what_works_is_answered_soon() -> None:
    def turns_back(seconds: float) -> float:
        return 0.1 - 0.03 * min(seconds, 2) + 0.03 * max(0.0, seconds - 2)

    assert 20 < bursts(turns_back)[0].start <= 20 + 9


def test_a_burst_ends_when_it_has_helped() -> None:
    *found, _ = bursts(stands_still, helps_m=0.8 * ACTION_M)  # the last one is cut by the end
    assert {len(burst) for burst in found} == {7}


def test_a_burst_ends_even_when_nothing_helps() -> None:
    found = bursts(stands_still)
    assert len(found) > 1
    assert max(len(burst) for burst in found) <= 15


def test_between_bursts_the_policy_is_seen_again() -> None:
    found = bursts(stands_still)
    gaps = [b.start - a.stop for a, b in itertools.pairwise(found)]
    assert min(gaps) >= 5
