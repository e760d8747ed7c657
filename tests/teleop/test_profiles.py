"""How an operator helps, and what the coach says of it: nothing, too late, or too long."""

from __future__ import annotations

import numpy as np
import pytest
from supervision_stand import POLLS, Stand, takeovers

from hilctl.data.step import EpisodeSummary, Outcome
from hilctl.teleop import scripted
from hilctl.teleop.base import Role, TeleopInput
from hilctl.teleop.scripted import MOST_HELP
from hilctl.training.coach import stretches
from hilctl.training.diagnoses import (
    EpisodeFacts,
    Situation,
    takeovers_too_late,
    takeovers_too_long,
)

RATE_HZ = 10.0
WARNINGS = {"advised": [], "clumsy": ["takeovers too late"], "wrong-headed": ["takeovers too long"]}


def supervised(profile: str, episodes: int = 4) -> list[list[TeleopInput]]:
    """Return the polls of closely watched episodes in which a policy stands still."""
    made = Stand("route", profile=profile, skill=0.6)
    with pytest.MonkeyPatch.context() as patch, made.robot, made.operator:
        patch.setattr(scripted, "MOST_HELP", 1.0)
        return [made.episode() for _ in range(episodes)]


def facts_of(polls: list[TeleopInput]) -> EpisodeFacts:
    engaged = [hand.engaged for hand in polls]
    outcome = Outcome.SUCCESS if len(polls) < POLLS else Outcome.FAILURE
    summary = EpisodeSummary(outcome, len(polls), len(polls) / RATE_HZ, sum(engaged), False, None)
    return EpisodeFacts(summary, tuple(stretches(engaged)), 0.0, 0.0, {})


@pytest.fixture(scope="module")
def episodes() -> dict[str, list[list[TeleopInput]]]:
    return {profile: supervised(profile) for profile in WARNINGS}


@pytest.mark.parametrize("profile", WARNINGS)
def test_the_coach_tells_who_helps_too_late_and_who_too_long(
    profile: str, episodes: dict[str, list[list[TeleopInput]]]
) -> None:
    facts = [facts_of(polls) for polls in episodes[profile]]
    now = Situation(facts, facts, None, 0, RATE_HZ, POLLS)
    said = [rule(now) for rule in (takeovers_too_late, takeovers_too_long)]
    assert [diagnosis.name for diagnosis in said if diagnosis] == WARNINGS[profile]


def test_the_wrong_headed_one_drives_to_success_once_it_drives(
    episodes: dict[str, list[list[TeleopInput]]],
) -> None:
    helped = [polls for polls in episodes["wrong-headed"] if takeovers(polls)]
    assert len(helped) >= 3
    assert all(len(takeovers(polls)) == 1 and polls[-1].engaged for polls in helped)
    assert np.mean([len(polls) < POLLS for polls in helped]) > 0.5


def test_the_clumsy_one_pauses_while_in_charge(
    episodes: dict[str, list[list[TeleopInput]]],
) -> None:
    def resting(profile: str) -> float:
        driven = [hand for polls in episodes[profile] for hand in polls if hand.engaged]
        return float(np.mean([not hand.twist.any() for hand in driven]))

    assert resting("clumsy") > 0.1
    assert resting("advised") == 0


@pytest.mark.parametrize("profile", WARNINGS)
def test_only_the_wrong_headed_one_does_not_taper(profile: str) -> None:
    made = Stand("reach", profile=profile)
    with made.robot, made.operator as operator:
        for _ in range(20):
            operator.begin_episode(Role.SUPERVISE)
            operator.end_episode(success=True, intervened=False)
        helps = MOST_HELP if profile == "wrong-headed" else 0.0
        assert operator.help_probability() == pytest.approx(helps)
