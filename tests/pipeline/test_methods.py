"""What the table of methods says of its rows, and how sure it is of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hilctl.pipeline.bench.methods import METHODS, Method, MethodResult, summarise
from hilctl.pipeline.evaluate.statistics import wilson_interval

GOOD = MethodResult(
    method="full method",
    seed=0,
    robot_steps=3000,
    trial_steps=700,
    intervention_steps=60,
    reached_target=True,
    episodes=50,
    true_successes=50,
    median_time_s=2.5,
)
ONLINE = [method for method in METHODS if method.agent is None]


@pytest.mark.parametrize("method", ONLINE, ids=[method.name for method in ONLINE])
def test_a_row_is_named_for_what_it_leaves_out(method: Method) -> None:
    left_out, _, kept = method.name.partition(", ")
    for option, what in [("interventions", "interventions"), ("veto", "vetoes and claims")]:
        assert (method.operator.get(option) is False) is (what in left_out)
    assert method.demonstrations is ("demonstrations" not in left_out)
    assert kept == "" or kept.startswith("with ")


def test_a_row_tells_trials_from_learning_and_is_sure_of_no_more_than_its_seeds_show() -> None:
    outcomes = [GOOD, replace(GOOD, seed=1, trial_steps=500), replace(GOOD, true_successes=30)]
    (row,) = summarise(outcomes)
    assert (row["robot_steps"], row["trial_steps"]) == (3000, pytest.approx(1900 / 3))
    low, high = row["ci95"]
    pooled_low, pooled_high = wilson_interval(130, 150)
    assert low < pooled_low - 0.2
    assert high >= pooled_high


def test_one_seed_has_no_interval_over_seeds() -> None:
    (row,) = summarise([GOOD])
    assert row["ci95"] is None
