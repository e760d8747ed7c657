"""Simulated time that keeps step with real time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hilctl.clock import PacedClock


class Time:
    """A clock that somebody else moves, and that sleeping moves."""

    def __init__(self, now_ns: int) -> None:
        self.ns = now_ns

    def now_ns(self) -> int:
        return self.ns

    def sleep_until(self, stamp_ns: int) -> None:
        self.ns = max(self.ns, stamp_ns)


MOVES = st.lists(st.tuples(st.sampled_from(["real", "world", "sleep"]), st.integers(0, 10**9)))


@given(MOVES)
def test_paced_time_never_goes_back_nor_behind_either_clock(moves: list[tuple[str, int]]) -> None:
    world, real = Time(5_000), Time(123_456_789)
    paced = PacedClock(world, real)
    began_ns = real.ns - 5_000
    before_ns = paced.now_ns()
    for kind, ns in moves:
        if kind == "real":
            real.ns += ns
        elif kind == "world":
            world.ns += ns
        else:
            until_ns = paced.now_ns() + ns
            paced.sleep_until(until_ns)
            assert world.ns >= until_ns
            assert real.ns - began_ns >= until_ns
        assert paced.now_ns() >= max(before_ns, world.ns, real.ns - began_ns)
        before_ns = paced.now_ns()


def test_a_world_that_ran_ahead_is_waited_for() -> None:
    world, real = Time(0), Time(0)
    paced = PacedClock(world, real)
    world.ns = 2_000  # a move that was simulated at once
    assert paced.now_ns() == 2_000
    paced.sleep_until(2_100)
    assert real.ns == 2_100
