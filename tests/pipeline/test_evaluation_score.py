"""The score of an evaluation: nothing that a person does can make it better."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hilctl.data.step import EpisodeSummary, Outcome
from hilctl.pipeline.evaluate.evaluate import EvaluationResult, told

DISPUTES = ({"intervention_steps": 3}, {"discarded": True}, {"vetoed": True})


def episode(*, judged: bool = True, **changes: Any) -> EpisodeSummary:
    spoilt = changes.get("discarded", False)
    success = judged and not spoilt and not changes.get("vetoed", False)
    outcome = Outcome.ABORTED if spoilt else Outcome.SUCCESS if success else Outcome.FAILURE
    known: dict[str, Any] = {"intervention_steps": 0, "judged_success": judged}
    known |= {"true_success": judged} | changes
    return EpisodeSummary(outcome, steps=20, duration_s=2.0, **known)


def score(*summaries: EpisodeSummary) -> dict[str, Any]:
    return EvaluationResult([*summaries], Path("policy"), "task", "operator").as_dict()


def test_failures_that_are_thrown_away_stay_in_the_score_and_are_named() -> None:
    thrown_away = [episode(judged=False, discarded=True)] * 9
    result = score(episode(), *thrown_away)
    assert (result["successes"], result["episodes"], result["discarded"]) == (1, 10, 9)
    assert (result["success_rate"], result["true_success_rate"]) == (0.1, 0.1)
    assert result["ci95"][1] < 0.5
    text = told([episode(), *thrown_away], 10).text
    assert "no success: thrown away (1/10 so far)" in text


def test_a_success_that_a_hand_touched_is_none() -> None:
    result = score(episode(), episode(intervention_steps=3))
    assert (result["successes"], result["true_successes"], result["episodes"]) == (1, 1, 2)
    assert result["median_time_s"] == 2.0


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.data())
def test_no_dispute_makes_a_score_better(judged: list[bool], data: st.DataObject) -> None:
    disputes = [data.draw(st.sampled_from(({}, *DISPUTES))) for _ in judged]
    alone = score(*(episode(judged=flag) for flag in judged))
    disputed = score(
        *(episode(judged=flag, **dispute) for flag, dispute in zip(judged, disputes, strict=True))
    )
    assert disputed["episodes"] == alone["episodes"]
    undisputed = sum(flag for flag, dispute in zip(judged, disputes, strict=True) if not dispute)
    assert disputed["successes"] == disputed["true_successes"] == undisputed


def test_an_episode_cut_by_a_stop_says_nothing() -> None:
    cut = EpisodeSummary(Outcome.ABORTED, 5, 0.5, 0, False, False)
    assert score(episode(), cut)["episodes"] == 1


def test_without_episodes_nothing_is_known() -> None:
    result = score()
    assert (result["episodes"], result["true_successes"]) == (0, None)
    assert result["ci95"] == [0.0, 1.0]
