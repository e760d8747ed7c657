"""Runs side by side: what each came to, whatever state its folder is in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_task import edit, make_task

from hilctl.data.step import EpisodeSummary, Outcome
from hilctl.pipeline.events import silent
from hilctl.pipeline.report.run_summary import evaluation_of
from hilctl.pipeline.run_folder.manifest import Evaluation, write_manifest
from hilctl.pipeline.run_folder.run import Run
from hilctl.pipeline.runs.comparison import compare_figures, compare_tasks, evaluation
from hilctl.pipeline.runs.listing import list_runs
from hilctl.task.workspace import Workspace

A, B = "20260101-100000", "20260102-110000"


def make_run(space: Workspace, name: str, *, helped: int = 0, status: str = "stopped") -> Run:
    """Make a run of three successes; in the last one a human drove some steps."""
    run = Run(space, space.run(name), seed=3)
    run.begin()
    for human in (0, 0, helped):
        summary = EpisodeSummary(Outcome.SUCCESS, 8, 0.8, human, True, True)
        run.progress.count(summary)
        run.progress.robot_s += 30
        run.on_episode(summary, [], silent)
    run.write_manifest(status, reached=status == "finished")
    return run


def keep_policy(run: Run, steps: int, *, best: bool = False, **record: int) -> None:
    folder = run.folder / "checkpoints" / ("best" if best else "")
    folder.mkdir(parents=True, exist_ok=True)
    about = {"updates": 10 * steps, "robot_steps": steps, **record}
    (folder / f"step_{steps:07d}.json").write_text(json.dumps(about))


def measure(run: Run, successes: int, **more: Any) -> None:
    figures = {"episodes": 20, "successes": successes, "success_rate": successes / 20}
    found = {**figures, "checkpoint": "x", "ci95": [0.76, 0.99], **more}
    write_manifest(run.folder / "eval.json", Evaluation.model_validate(found))


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return make_task(tmp_path / "task")


def test_its_log_counts_episodes_and_no_deaths_which_nobody_knows_there(space: Workspace) -> None:
    run = make_run(space, A, helped=4)
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["episodes"] for line in lines] == [1, 2, 3]
    assert not [name for name in lines[-1] if "deaths" in name]


def test_a_run_tells_what_it_came_to(space: Workspace) -> None:
    run = make_run(space, A, helped=4, status="finished")
    keep_policy(run, 24)
    keep_policy(run, 16, best=True, trial_successes=18, trial_failures=1)
    measure(run, 19, checkpoint="checkpoints/step_0000024.json")
    (found,) = list_runs(space)
    assert (found.id, found.status, found.reached, found.problems) == (A, "finished", True, ())
    assert (found.figures.robot_steps, found.figures.intervention_steps) == (24, 4)
    assert found.figures.autonomous_success_last20 == pytest.approx(2 / 3)
    assert evaluation(found) == "19/20 76–99%"
    assert found.last is not None
    assert found.best is not None
    assert (found.last.robot_steps, found.best.record) == (24, "18 of 19 successes on trial")
    assert json.loads(json.dumps(found.as_dict()))["evaluation"]["successes"] == 19


def test_an_evaluation_of_an_older_policy_is_marked(space: Workspace) -> None:
    run = make_run(space, A)
    keep_policy(run, 24)
    measure(run, 19, checkpoint="runs/a/checkpoints/step_0000024.json")
    (found,) = list_runs(space)
    assert evaluation(found) == "19/20 76–99%"
    assert found.as_dict()["measured_before"] is None
    assert "policy" not in evaluation_of(run.folder)
    measure(run, 19, checkpoint="runs/a/checkpoints/step_0000016.json")
    (found,) = list_runs(space)
    assert evaluation(found) == "19/20 76–99%, of an older policy"
    assert found.as_dict()["measured_before"] == "step_0000016"
    assert evaluation_of(run.folder)["policy"] == "step_0000016, not the newest one"


def test_runs_come_in_the_order_they_were_begun(space: Workspace) -> None:
    for name in (B, A):
        make_run(space, name)
    assert [run.id for run in list_runs(space)] == [A, B]


def test_a_run_that_was_killed_is_not_said_to_run(space: Workspace) -> None:
    make_run(space, A, status="running")
    assert list_runs(space)[0].status == "interrupted"
    with space.lock("train"):
        assert list_runs(space)[0].status == "running"


@pytest.mark.parametrize(
    ("file", "content", "named"),
    [
        ("manifest.json", b"{", "manifest.json is damaged"),
        ("manifest.json", None, "there is no manifest.json"),
        ("metrics.jsonl", b"\x00\n{}\n", "2 damaged lines"),
        ("eval.json", b"[]", "eval.json is damaged"),
        ("checkpoints/step_0000024.json", b"no", "step_0000024.json is damaged"),
    ],
)
def test_what_is_damaged_is_named_and_the_rest_is_told(
    space: Workspace, file: str, content: bytes | None, named: str
) -> None:
    run = make_run(space, A)
    keep_policy(run, 24)
    measure(run, 19)
    make_run(space, B)
    if content is None:
        (run.folder / file).unlink()
    else:
        (run.folder / file).write_bytes(content)
    damaged, whole = list_runs(space)
    assert named in " ".join(damaged.problems)
    assert damaged.figures.robot_steps == 24
    assert (whole.id, whole.problems) == (B, ())


def test_figures_that_are_none_are_named(space: Workspace) -> None:
    run = make_run(space, A)
    (run.folder / "metrics.jsonl").unlink()
    manifest = run.folder / "manifest.json"
    about = json.loads(manifest.read_text())
    about["progress"] = {"robot_steps": "many"}
    manifest.write_text(json.dumps(about))
    (found,) = list_runs(space)
    assert "robot_steps" in " ".join(found.problems)


def test_two_runs_are_compared_figure_by_figure(space: Workspace) -> None:
    make_run(space, A)
    make_run(space, B, helped=4)
    rows = {name: values for name, *values in compare_figures(list_runs(space))}
    assert rows["human steps"] == ["0", "4"]
    assert rows["robot minutes"] == ["1.5", "1.5"]
    assert rows["eval"] == ["–", "–"]


def test_two_runs_tell_in_what_their_task_files_differ(space: Workspace) -> None:
    make_run(space, A)
    make_run(edit(space, {"updates_per_step: 4": "updates_per_step: 1"}), B)
    a, b = list_runs(space)
    assert compare_tasks(a, b) == [("training.updates_per_step", "4", "1")]
    assert compare_tasks(a, a) == []
