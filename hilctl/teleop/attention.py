"""When a supervising operator takes over, and for how long: as advised, or as people do instead."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

STALL_NS = 500_000_000  # so long without progress is a stall …
STALL_PACE = 0.15  # … and progress slower than this share of full speed is none
DRIFT_ACTIONS = 4.0  # further from success than it has been
# a burst has done its work when so many full actions of the way are made up, or this share of it
ENOUGH_ACTIONS = 5.0
ENOUGH_SHARE = 0.6


@dataclass(frozen=True)
class HelpManner:
    """How an operator helps.

    Attributes:
        reaction_s: from trouble to taking over, at least and at most.
        burst_s: for how long it drives, at least and at most; in between until that has helped.
        waits_share: of the time of an attempt that it lets pass before it helps.
        skill_share: of its skill that its hand has.
        rests: it looks before it moves, and rests now and then, while it is in charge.
        tapers: it helps less, the more often the policy succeeds alone.
    """

    reaction_s: tuple[float, float] = (0.2, 0.4)
    burst_s: tuple[float, float] = (0.4, 1.4)
    waits_share: float = 0.0
    skill_share: float = 1.0
    rests: bool = False
    tapers: bool = True


# As the HIL-SERL paper advises: short, specific, early corrections that taper off. What it warns of
# are long take-overs that end in success; and people come late, with an unsteady hand.
MANNERS = {
    "advised": HelpManner(),
    "clumsy": HelpManner(burst_s=(0.4, 2.0), waits_share=0.85, skill_share=0.5, rests=True),
    "wrong-headed": HelpManner(burst_s=(math.inf, math.inf), tapers=False),
}


class Attention:
    """Watch the distance to success, and decide poll by poll who should drive.

    Args:
        rng: draws how quickly the operator reacts.
        action_m: metres of one full action.
        manner: how it helps.
        not_before_ns: time on the robot's clock until which it only looks on.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        action_m: float,
        manner: HelpManner = MANNERS["advised"],
        not_before_ns: int = 0,
    ) -> None:
        self._rng, self._action_m = rng, action_m
        self._manner, self._not_before_ns = manner, not_before_ns
        self._took_over_ns: int | None = None
        self._acts_ns: int | None = None
        self._left_m = 0.0
        self._look_anew()

    def wants_control(self, remaining_m: float, now_ns: int, *, at_risk: bool = False) -> bool:
        """Return whether the operator drives in this poll.

        Args:
            remaining_m: distance to success now.
            now_ns: the robot's clock.
            at_risk: all would soon be lost if the policy went on.
        """
        if self._took_over_ns is not None:
            if self._keeps_on(remaining_m, (now_ns - self._took_over_ns) * 1e-9):
                return True
            self._look_anew()
            return False
        if not (self._in_trouble(remaining_m, now_ns) or at_risk):
            self._acts_ns = None
        elif self._acts_ns is None:
            self._acts_ns = now_ns + round(1e9 * self._rng.uniform(*self._manner.reaction_s))
        if self._acts_ns is None or now_ns < max(self._acts_ns, self._not_before_ns):
            return False
        self._took_over_ns, self._left_m = now_ns, remaining_m
        return True

    def _look_anew(self) -> None:
        """Let the policy show itself before judging it again."""
        self._took_over_ns = self._acts_ns = None
        self._recent: deque[tuple[int, float]] = deque()  # times and distances: the last STALL_NS
        self._nearest_m = np.inf

    def _keeps_on(self, remaining_m: float, driven_s: float) -> bool:
        at_least_s, at_most_s = self._manner.burst_s
        enough_m = min(ENOUGH_ACTIONS * self._action_m, ENOUGH_SHARE * self._left_m)
        lacking = self._left_m - remaining_m < enough_m
        return driven_s < at_least_s or (lacking and driven_s < at_most_s)

    def _in_trouble(self, remaining_m: float, now_ns: int) -> bool:
        self._nearest_m = min(self._nearest_m, remaining_m)
        self._recent.append((now_ns, remaining_m))
        while len(self._recent) > 1 and now_ns - self._recent[1][0] >= STALL_NS:
            self._recent.popleft()
        then_ns, then_m = self._recent[0]
        least_m = STALL_PACE * (len(self._recent) - 1) * self._action_m
        stalled = now_ns - then_ns >= STALL_NS and then_m - remaining_m < least_m
        return stalled or remaining_m > self._nearest_m + DRIFT_ACTIONS * self._action_m
