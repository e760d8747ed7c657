"""What `bench methods` compares, what it says of its rows, and how sure it is of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_task import make_task, two_arms

from hilctl.agents.options import HIL_SERL, IBRLOptions
from hilctl.errors import BelowBarError, UsageError
from hilctl.pipeline.bench.algorithms import ALGORITHMS, OURS, changed
from hilctl.pipeline.bench.cell_process import curve, to_target
from hilctl.pipeline.bench.cells import CellResult, DataResult, Journal, Plan
from hilctl.pipeline.bench.methods import Comparison, planned, summary
from hilctl.pipeline.bench.methods_page import write_comparison
from hilctl.pipeline.bench.methods_table import HEADER, cells_of
from hilctl.pipeline.evaluate.statistics import wilson_interval
from hilctl.task.spec import TaskSpec

GOOD = CellResult(
    robot_steps=3000,
    trial_steps=700,
    intervention_steps=60,
    robot_s=300.0,
    wall_s=120.0,
    steps_to_target=1800,
    robot_s_to_target=180.0,
    reached_target=True,
    episodes=50,
    true_successes=50,
    median_time_s=2.5,
    curve=[(100, 0.0, 0.5), (200, 0.5, 0.2)],
)
BUDGET: dict[str, Any] = {
    "seeds": 2, "max_steps": 4000, "operator_steps": 300, "episodes": 50,
}  # fmt: skip


def but(**changes: Any) -> CellResult:
    return GOOD.model_copy(update=changes)


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> TaskSpec:
    return make_task(tmp_path_factory.mktemp("methods") / "peg").spec


@pytest.mark.parametrize("name", ALGORITHMS)
def test_an_algorithm_is_named_for_what_it_leaves_out(name: str, spec: TaskSpec) -> None:
    algorithm = ALGORITHMS[name]
    told: Any = changed(spec, algorithm).teleop.options
    assert told.interventions is (name not in ("no-interventions", "neither"))
    assert algorithm.demonstrations is (name not in ("no-demonstrations", "neither"))
    assert told.veto is (name != "no-verdicts")


@pytest.mark.parametrize("name", ALGORITHMS)
def test_all_algorithms_see_the_same(name: str, spec: TaskSpec) -> None:
    ours, theirs = spec.agent.options, changed(spec, ALGORITHMS[name]).agent.options
    same = {"encoder", "weights"} | ({"channels", "shift_cells"} - HIL_SERL.keys())
    kept = same if name != "hil-serl" else {"encoder", "weights", "discount"}
    assert {getattr(ours, key) == getattr(theirs, key) for key in kept} == {True}


@pytest.mark.parametrize("name", ["ibrl", "residual"])
def test_a_baseline_of_rl_has_all_settings_but_what_is_ours_alone(
    name: str, spec: TaskSpec
) -> None:
    ours: Any = spec.agent.options.model_dump()
    theirs = changed(spec, ALGORITHMS[name]).agent.options.model_dump()
    differing = {key for key in ours.keys() & theirs.keys() if ours[key] != theirs[key]}
    assert differing <= {*OURS}
    assert theirs["imitation"] == 0


def test_the_preset_is_the_papers_whatever_the_task_says(spec: TaskSpec) -> None:
    told = changed(spec, ALGORITHMS["hil-serl"]).agent.options
    assert {key: getattr(told, key) for key in HIL_SERL} == HIL_SERL


@pytest.mark.parametrize("name", ALGORITHMS)
def test_only_the_papers_method_learns_nothing_before_the_robot_moves(
    name: str, spec: TaskSpec
) -> None:
    assert spec.training.updates_before > 0
    before = 0 if name == "hil-serl" else spec.training.updates_before
    expected = spec.training.model_copy(update={"updates_before": before})
    assert changed(spec, ALGORITHMS[name]).training == expected


def test_every_hand_of_two_arms_is_told(tmp_path: Path) -> None:
    told = changed(two_arms(tmp_path / "both").spec, ALGORITHMS["no-interventions"])
    assert [hand.options.interventions for hand in told.hands.values()] == [False, False]  # type: ignore[attr-defined]


def test_a_person_at_the_controls_is_refused(tmp_path: Path) -> None:
    space = make_task(tmp_path / "peg")
    text = space.task_file.read_text()
    assert "{type: scripted, skill: 0.8}" in text
    space.task_file.write_text(text.replace("{type: scripted, skill: 0.8}", "{type: keyboard}"))
    with pytest.raises(UsageError, match="operator is at the keyboard"):
        planned([str(space.root)], ["full"], **BUDGET)


@pytest.mark.parametrize(
    ("tasks", "algorithms", "why"),
    [
        (["sim-inser"], ["full"], "unknown template"),
        (["moved/away"], ["full"], "no task.yaml in moved/away"),
        (["sim-reach"], ["ful"], "unknown algorithm"),
        (["sim-reach", "sim-reach"], ["full"], "named twice"),
        (["sim-reach"], ["bc", "bc"], "named twice"),
        (["serl-insert"], ["full"], "the operator is at the spacemouse"),
    ],
)
def test_what_cannot_be_compared_is_refused_first(
    tasks: list[str], algorithms: list[str], why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        planned(tasks, algorithms, **BUDGET)


def test_an_algorithm_that_cannot_learn_a_task_is_refused_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(IBRLOptions, "learns_grippers", False)
    why = "ibrl on the task sim-pick: .*learn a discrete gripper"
    with pytest.raises(UsageError, match=why):
        planned(["sim-pick"], ["full", "ibrl"], **BUDGET)


def test_a_task_that_is_edited_is_another_comparison_and_what_changed_is_named(
    tmp_path: Path,
) -> None:
    space, journal = make_task(tmp_path / "peg"), Journal(tmp_path / "methods")
    journal.root.mkdir()
    begun = planned([str(space.root), "sim-reach"], ["full"], **BUDGET)
    with journal.open(begun):
        pass
    with journal.open(planned(["sim-reach"], ["full"], **BUDGET)):
        pass  # without the task: what it said is remembered
    text = space.task_file.read_text()
    space.task_file.write_text(f"# the same\n{text}")
    with journal.open(planned([str(space.root)], ["full"], **BUDGET)):
        pass
    space.task_file.write_text(text.replace("discount: 0.95", "discount: 0.9"))
    edited = planned([str(space.root)], ["full"], **BUDGET)
    words = r"peg has changed since .*: agent\.discount: 0\.9 here, 0\.95 there$"
    with pytest.raises(UsageError, match=words), journal.open(edited):
        pass


def test_a_comparison_in_which_a_cell_failed_is_not_done() -> None:
    plan = Plan(tasks={"peg": "sim-reach"}, algorithms=["bc"], **BUDGET)
    Comparison(plan, {}, {}).check()
    with pytest.raises(BelowBarError, match="1 of 4 cells failed"):
        Comparison(plan, {}, {"peg_seed0": "it broke"}).check()


def test_a_row_is_sure_of_no_more_than_its_seeds_show() -> None:
    row = summary([GOOD, but(trial_steps=500), but(true_successes=30)])
    assert (row["robot_steps"], row["trial_steps"]) == (3000, pytest.approx(1900 / 3))
    low, high = row["ci95"]
    pooled_low, pooled_high = wilson_interval(130, 150)
    assert low < pooled_low - 0.2
    assert high >= pooled_high


def test_one_seed_has_no_interval_over_seeds() -> None:
    assert summary([GOOD])["ci95"] is None


def test_the_way_to_95_percent_is_of_seeds_that_came_there_and_says_of_how_many() -> None:
    row = summary([GOOD, but(steps_to_target=None, robot_s_to_target=None)])
    assert (row["steps_to_95"], row["robot_minutes_to_95"], row["reached_95"]) == (1800, 3.0, 1)
    words = dict(zip(HEADER, cells_of({"task": "t", "algorithm": "full", **row}), strict=True))
    assert words["robot steps to 95 %"] == "1800 (1 of 2)"


def records(flags: list[bool], helped: int = 0) -> list[dict[str, Any]]:
    """Return what a run's log says of episodes of ten steps, helped for so many of them."""
    return [
        {
            "robot_steps": 10 * (i + 1),
            "robot_s": float(i + 1),
            "outcome": "success",
            "true_success": flag,
            "episode_interventions": helped,
            "episode_steps": 10,
        }
        for i, flag in enumerate(flags)
    ]


def test_95_percent_is_19_true_successes_of_20_without_help() -> None:
    enough = records([False] * 5 + [True] * 19 + [False])
    assert to_target(enough)["steps_to_target"] == 240
    assert to_target(records([False] * 5 + [True] * 18))["steps_to_target"] is None
    assert to_target(records([True] * 30, helped=1))["steps_to_target"] is None


def test_curves_tell_success_alone_and_who_was_in_charge() -> None:
    assert curve(records([True, False]))[-1] == (20, 0.5, 0.0)
    assert curve(records([True, True], helped=5))[-1] == (20, 0.0, 0.5)


def test_a_page_has_curves_table_and_what_failed(tmp_path: Path) -> None:
    plan = Plan(tasks={"peg": "sim-reach"}, algorithms=["full", "bc"], **BUDGET)
    results = {("peg", "full"): [GOOD, but(true_successes=49)], ("peg", "bc"): []}
    data = {"peg": [DataResult(demos=5, shown=40, recognised=39), DataResult(demos=5)]}
    page = write_comparison(tmp_path, Comparison(plan, results, {"peg_seed0_bc": "no luck"}, data))
    text = page.read_text()
    assert text.count("data:image/png") == 1
    assert "99/100" in text
    assert "no luck" in text
    table = (tmp_path / "methods.md").read_text()
    assert table.startswith(f"| {' | '.join(HEADER)} |\n| ---")
    assert "| peg | full | 99/100 |" in table
    for told in (text, table):
        assert "Successes that classifiers recognised unseen: peg 39 of 40." in told
