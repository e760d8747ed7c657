"""A run's page is made from its folder alone."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from hilctl.data.step import EpisodeSummary, Outcome
from hilctl.errors import MissingStageError
from hilctl.pipeline.events import silent
from hilctl.pipeline.report import curves
from hilctl.pipeline.report.run_report import write_run_report
from hilctl.pipeline.run_folder.run import Run
from hilctl.task import scaffold
from hilctl.task.workspace import Workspace
from hilctl.training.diagnoses import Diagnosis


@pytest.fixture
def run(tmp_path: Path) -> Run:
    template = scaffold.find_template("sim-reach")
    scaffold.create(template, tmp_path / "ball", template.answers({}))
    begun = Run(Workspace(tmp_path / "ball"), tmp_path / "ball" / "runs" / "one", seed=3)
    begun.begin()
    return begun


def ended(success: bool) -> EpisodeSummary:
    outcome = Outcome.SUCCESS if success else Outcome.FAILURE
    return EpisodeSummary(outcome, 20, 2.0, 0 if success else 5, success, success)


def test_it_tells_what_happened_and_needs_nothing_beside_it(run: Run) -> None:
    trouble = Diagnosis("control rate missed", "too slow", "close other programs")
    for success in (False, True, True):
        run.progress.count(ended(success))
        run.progress.late_periods += 1
        run.on_episode(ended(success), [] if success else [trouble], silent)
    page = write_run_report(run.folder)
    text = page.read_text("utf-8")
    for wanted in (
        *("ball: run one", "3 (5.00%)", "control rate missed", "in 1 of 3 episodes"),
        *("succeeds 90.0% of the time or less", "at most 5%", "0, in 0 episodes"),
    ):
        assert wanted in text
    assert text.count("data:image/png;base64,") == 2
    assert "http" not in text
    figures = {"successes": 2, "episodes": 3, "ci95": [0.2, 0.9], "true_successes": 2}
    (run.folder / "eval.json").write_text(json.dumps(figures | {"false_positives": 0}))
    assert "2/3" in write_run_report(run.folder).read_text("utf-8")
    assert asdict(trouble)["remedy"]


def test_an_episode_that_was_cut_short_is_in_no_curve_of_success(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[list[float]] = []

    def draw(axis: Any, steps: Any, success: Any, label: str, colour: str) -> None:
        drawn.append([*success])
        axis.plot([], label=label)

    monkeypatch.setattr(curves, "_curve", draw)
    record = {"robot_steps": 8, "judged_success": True, "episode_interventions": 0}
    record |= {"intervention_rate_last20": 0.0, "episode_steps": 8}
    curves.draw_learning([record | {"outcome": outcome} for outcome in ("success", "aborted")])
    assert drawn == [[1.0], [1.0]]


def test_a_page_of_a_run_that_was_killed_does_not_say_that_it_runs(run: Run) -> None:
    run.on_episode(ended(True), [], silent)
    assert "Training running after 0 episodes" in write_run_report(run.folder).read_text("utf-8")
    left = write_run_report(run.folder, at_work=False).read_text("utf-8")
    assert "Training interrupted after 0 episodes" in left


def test_a_run_without_an_episode_has_no_page(run: Run) -> None:
    with pytest.raises(MissingStageError, match="no episode yet"):
        write_run_report(run.folder)


def test_a_run_that_is_not_there_is_named_with_those_that_are(run: Run) -> None:
    space = run.workspace
    assert space.existing_run("one") == space.existing_run(None) == run.folder
    with pytest.raises(MissingStageError, match="no run two") as caught:
        space.existing_run("two")
    assert "one" in str(caught.value.hint)
