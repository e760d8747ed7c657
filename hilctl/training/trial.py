"""When a policy is good: greedy trials of one policy each, with one error for the whole run.

A run tries its policies as often as it likes, and a test that may be repeated until it passes says
little: a policy that succeeds 9 times in 10 has 30 successes in a row once in 24 tries. So the
error is money that is spent once. A trial stakes a part of what is left on its policy being good;
every episode multiplies the stake by how much likelier its end is under a good policy than under
one that is just too bad. Under a policy that bad the stake does not grow on average, so it comes
to 1 with no more probability than was staked (Ville's inequality). What a trial that is given up
has not lost goes back, but never more than was staked: so all policies of a run that are too bad
share the error, whatever good ones did in between. All that asks of an episode is its odds given
those before it, so a reward that a veto corrects in the middle of a trial takes nothing from it:
what counts is the operator's verdict, and the corrected reward only calls fewer false successes.

Its first episodes are free: nothing is staked on a policy that fails one of them, which spares the
error for those that come later. So a policy may also be looked at now and then although sampling
fails: where a fast motion does not bear its noise, the greedy one can be good all the same.

Source: testing by betting, Shafer (2021); the likelihood ratio is Wald's (1945).
"""

from __future__ import annotations

import enum
import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Self

ERROR = 0.05  # probability that a run ends with a policy that is too bad
# 98 % takes 150 successes in a row to tell from 100 %, 95 % takes 60
STRICTEST_TARGET = 0.975
# Chosen by simulation: constant policies and policies that rise from 30 to 99 % in 100 to 600
# episodes. More at stake passes sooner if the first trial is the right one, and later if not; free
# successes cost constant ones 5 episodes and save slow ones 20 to 46.
STAKE = 0.6  # of the error that is left, on each trial
FREE = 5  # successes in a row before anything is staked
# a good policy never fails, or fails 0.4 times as often as the target allows
PERFECT, GOOD = 0.4, 0.6  # their shares of the stake
GOOD_FAILURES = 0.4
HOPELESS = 0.9  # less than this share of the stake does more in a trial of a newer policy
WINDOW = 12  # episodes that say whether a trial is worth its time
PAUSE = 8  # episodes of learning between two trials
LOOK = 20  # the same far from the target: 7 % of the episodes of one that succeeds in 30 %


class TrialState(enum.Enum):
    """How a trial stands after an episode."""

    GOES_ON = enum.auto()
    PASSED = enum.auto()
    GIVEN_UP = enum.auto()


def too_bad(target: float) -> float:
    """Return the success rate that must not pass: twice the failures or half the successes.

    Whichever is nearer to the target: 0.90 for 0.95, 0.25 for 0.5. A target above 0.975 is tested
    as 0.975.

    Args:
        target: share of successes to reach, above 0.
    """
    target = min(target, STRICTEST_TARGET)
    return max(2 * target - 1, target / 2)


def is_worth_a_trial(successes: int, since: int, target: float) -> bool:
    """Return whether a policy is to be tried: sampled ones come near the target, or it is time.

    Near is one failure more than the target allows: sampling can cost successes, or bring some by
    shaking stuck parts free.

    Args:
        successes: of the last `WINDOW` episodes, without help.
        since: episodes of learning since the last trial.
        target: share of successes to reach.
    """
    near = successes >= max(1, math.ceil(WINDOW * target - 1e-9) - 1)
    return successes > 0 and since >= (PAUSE if near else LOOK)


def evidence(successes: int, failures: int, target: float) -> float:
    """Return what a stake of 1 has become after so many episodes of one policy.

    Above 1 they speak for a policy that is good, below for one that is too bad.
    """
    bad = too_bad(target)
    good = 1 - GOOD_FAILURES * (1 - min(target, STRICTEST_TARGET))
    perfect = 0.0 if failures else PERFECT * (1 / bad) ** successes
    return perfect + GOOD * (good / bad) ** successes * ((1 - good) / (1 - bad)) ** failures


@dataclass
class Trials:
    """The trials of a run, and what is left of its error.

    Attributes:
        target: share of successes to reach.
        left: of the error, not at stake.
        number: of the last trial, from 1; trials of a continued run count on.
        stake: of the trial that goes on; 0 = none does, or its episodes are still free.
    """

    target: float
    left: float = ERROR
    number: int = 0
    stake: float = 0.0
    _policy: Hashable = None
    _goes_on: bool = False
    _free: int = 0
    _successes: int = 0
    _failures: int = 0

    @classmethod
    def resumed(cls, target: float, results: Iterable[tuple[int, bool]]) -> Self:
        """Return the trials as a run left them; one that was interrupted is over.

        Args:
            target: share of successes to reach.
            results: number of its trial and whether it succeeded without help, for every episode
                that was on trial, in order.
        """
        trials = cls(target)
        for number, success in results:
            trials.count(number, success=success)
            trials.number = number
        trials.leave()
        return trials

    @property
    def worth(self) -> float:
        """What the stake has become, as a multiple of it."""
        return evidence(self._successes, self._failures, self.target)

    def number_for(self, policy: Hashable) -> int:
        """Return the number of the trial that an episode of this policy would belong to."""
        goes_on = self._goes_on and policy == self._policy
        return self.number if goes_on else self.number + 1

    def count(self, policy: Hashable, *, success: bool) -> TrialState:
        """Take an episode; one of another policy than the last ends that one's trial.

        Args:
            policy: whatever tells policies apart.
            success: whether it succeeded greedily and without help.
        """
        if not self._goes_on or policy != self._policy:
            self.leave()
            self._begin(policy)
        if self._free:
            return self._count_free(success)
        self._successes += success
        self._failures += not success
        if self.stake * self.worth >= 1:
            self.stake, self._goes_on = 0.0, False  # spent, should the run go on
            return TrialState.PASSED
        if self.worth < HOPELESS:
            self.leave()
            return TrialState.GIVEN_UP
        return TrialState.GOES_ON

    def leave(self) -> None:
        """Give the trial that goes on up, if one does; what it has not lost goes back."""
        self.left += self.stake * min(1.0, self.worth)
        self.stake, self._goes_on = 0.0, False

    def _begin(self, policy: Hashable) -> None:
        self.number += 1
        self._policy, self._goes_on, self._free = policy, True, FREE
        self._successes = self._failures = 0

    def _count_free(self, success: bool) -> TrialState:
        if not success:
            self.leave()
            return TrialState.GIVEN_UP
        self._free -= 1
        if not self._free:
            self.stake = STAKE * self.left
            self.left -= self.stake
        return TrialState.GOES_ON
