"""A run that has come to its end stays as it is, until somebody asks for something else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from processes import Ask, edit, episodes

from hilctl.data.header import EpisodeHeader
from hilctl.pipeline.run_folder.manifest import RunManifest, read_manifest
from hilctl.pipeline.run_folder.resume import progress_so_far
from hilctl.task.workspace import Workspace


def manifest_of(run: Path) -> RunManifest:
    manifest = read_manifest(RunManifest, run / "manifest.json")
    assert manifest is not None
    return manifest


def keep_best(run: Path) -> str:
    """Keep the last policy as the best one, under an older name; return that name."""
    best = run / "checkpoints" / "best"
    best.mkdir()
    (file,) = (run / "checkpoints").glob("step_*.json")
    about = json.loads(file.read_text())
    shutil.copy(file.with_name(about["weights"]), best / "step_0000007.npz")
    about |= {"weights": "step_0000007.npz", "robot_steps": 7, "updates": 4}
    about |= {"trial_successes": 9, "trial_failures": 1}
    (best / "step_0000007.json").write_text(json.dumps(about))
    return "step_0000007.json"


def answer(ask: Ask, space: Workspace, *arguments: str) -> tuple[dict[str, Any], str]:
    code, lines, talk = ask(space, *arguments)
    assert code == 0, talk
    return lines[-1], talk


def test_train_says_that_it_is_finished_and_starts_nothing(finished: Workspace, ask: Ask) -> None:
    (run,), before = finished.all_runs(), episodes(finished)
    result, talk = answer(ask, finished, "train")
    assert result["already_finished"] is True
    assert result["reached_target"] is False
    assert (finished.root / result["checkpoint"]).exists()
    assert result["episodes"] == len(before)
    assert "is finished: stopped at its limit" in talk
    assert "train --new" in talk
    assert "next: hilctl eval" in talk
    assert finished.all_runs() == [run]
    assert episodes(finished) == before


def test_another_run_is_started_when_it_is_asked_for(finished: Workspace, ask: Ask) -> None:
    edit(finished, {"max_robot_minutes: 0.4": "max_robot_minutes: 0.05"})
    result, _ = answer(ask, finished, "train", "--new", "--lockstep")
    assert 0 < result["robot_s"] < 6
    assert len(finished.all_runs()) == 2


def test_a_run_that_met_its_limit_goes_on_when_that_is_raised(
    finished: Workspace, ask: Ask
) -> None:
    before = len(episodes(finished))
    edit(finished, {"max_robot_minutes: 0.4": "max_robot_minutes: 0.5"})
    result, _ = answer(ask, finished, "train", "--lockstep")
    assert result["episodes"] == len(episodes(finished)) > before
    assert len(finished.all_runs()) == 1


def test_going_back_says_where_to_and_leaves_a_finished_run_finished(
    finished: Workspace, ask: Ask
) -> None:
    (run,), before = finished.all_runs(), episodes(finished)
    name, seen = keep_best(run), manifest_of(run)
    result, talk = answer(ask, finished, "train", "--rollback", "best")
    assert "back at the policy of robot step 7 of " in talk
    assert "9 of 10 successes on trial" in talk
    assert "next: hilctl eval" in talk
    assert Path(result["checkpoint"]).name == name
    (checkpoint,) = (run / "checkpoints").glob("step_*.json")
    assert checkpoint.name == name
    assert episodes(finished) == before
    after = manifest_of(run)
    assert (after.status, after.checkpoint) == ("finished", f"checkpoints/{name}")
    assert after.progress == seen.progress


def test_going_back_without_a_best_policy_says_why_there_is_none(
    finished: Workspace, ask: Ask
) -> None:
    code, lines, _ = ask(finished, "train", "--rollback", "best")
    assert code == 5
    assert "no best policy yet" in lines[-1]["error"]["message"]


def test_the_best_policy_is_measured_where_there_is_one(finished: Workspace, ask: Ask) -> None:
    code, lines, _ = ask(finished, "eval", "--best", "-n", "1")
    assert code == 5
    assert "no run has a best policy" in lines[-1]["error"]["message"]
    (run,) = finished.all_runs()
    name = keep_best(run)
    newer = finished.run("29990101-000000")
    shutil.copytree(run / "checkpoints", newer / "checkpoints", ignore=lambda *_: ["best"])
    shutil.copy(run / "manifest.json", newer)
    result, _ = answer(ask, finished, "eval", "--best", "-n", "1")
    assert Path(result["checkpoint"]).name == name
    code, lines, _ = ask(finished, "eval", "--best", "--run", newer.name)
    assert code == 5
    assert f"--best --run {run.name}" in lines[-1]["error"]["hint"]


def test_episodes_tell_their_trial_and_policy(finished: Workspace) -> None:
    headers = [EpisodeHeader.read(path) for path in episodes(finished)]
    assert {header.attributes["trial"] for header in headers} == {0}
    updates = [header.attributes["policy_updates"] for header in headers]
    assert updates == sorted(updates)
    assert updates[-1] > 0
    (run,) = finished.all_runs()
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["trial"] for line in lines] == [0] * len(headers)
    assert progress_so_far(run, finished.spec).trial_steps == lines[-1]["trial_steps"] == 0
