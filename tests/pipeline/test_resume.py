"""What a run that goes on remembers: trials lie in the episodes, deaths in the manifest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_task import make_task

from hilctl.data.recorder import EpisodeRecorder
from hilctl.data.step import EpisodeSummary, Observation, Outcome, Step
from hilctl.errors import DataError
from hilctl.pipeline.run_folder.manifest import RunManifest, read_manifest
from hilctl.pipeline.run_folder.resume import EPISODES, progress_so_far
from hilctl.pipeline.run_folder.run import Run
from hilctl.task.fingerprint import data_fingerprint, data_identity
from hilctl.task.workspace import Workspace
from hilctl.training.trial import ERROR, FREE, Trials, TrialState


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return make_task(tmp_path / "task")


def seen(i: int) -> Observation:
    return Observation({"wrist": np.zeros((4, 4, 3), np.uint8)}, {"tcp_pose": np.zeros(7)}, i, {})


def record(
    space: Workspace, episodes: Iterator[tuple[dict[str, Any], Outcome, bool]] | list[Any]
) -> None:
    """Write rollouts as an actor does: notes, outcome and whether a hand was on the robot."""
    attributes = {
        "task_fingerprint": data_fingerprint(space.spec),
        "task_identity": data_identity(space.spec),
        "operator": "test",
    }
    notes: dict[str, Any] = {}
    recorder = EpisodeRecorder(
        space.run("one") / EPISODES, kind="rollout", attributes=attributes, notes=lambda: notes
    )
    for known, outcome, helped in episodes:
        notes = known
        recorder.on_episode_start()
        for i in range(2):
            step = Step(seen(i), np.ones(6), None, None, helped, seen(i + 1), 0.0, False, False)
            recorder.on_step(step)
        success = outcome is Outcome.SUCCESS
        recorder.on_episode_end(EpisodeSummary(outcome, 2, 0.2, 2 * helped, success, success))


def test_trials_are_counted_from_the_episodes(space: Workspace) -> None:
    learning, trial = {"trial": 0}, {"trial": 1, "policy_updates": 40}
    record(
        space,
        [
            ({}, Outcome.SUCCESS, False),  # of a version that did not note it
            (learning, Outcome.SUCCESS, False),
            (trial, Outcome.SUCCESS, False),
            (trial, Outcome.SUCCESS, True),
            (trial | {"trial": 2}, Outcome.FAILURE, False),
        ],
    )
    progress = progress_so_far(space.run("one"), space.spec)
    assert progress.tried == [(1, True), (1, False), (2, False)]
    assert (progress.trials, progress.trial_episodes, progress.trial_steps) == (2, 3, 6)
    assert progress.episodes == 5


def test_a_run_that_goes_on_has_spent_what_it_spent_before(space: Workspace) -> None:
    trials, episodes = Trials(0.95), []
    for policy in range(3):
        for success in [*[True] * FREE, True, True, False]:
            notes = {"trial": trials.number_for(policy)}
            episodes.append((notes, Outcome.SUCCESS if success else Outcome.FAILURE, False))
            verdict = trials.count(policy, success=success)
        assert verdict is TrialState.GIVEN_UP
    record(space, episodes)
    tried = progress_so_far(space.run("one"), space.spec).tried
    again = Trials.resumed(0.95, tried)
    assert again.left == pytest.approx(trials.left)
    assert again.left < ERROR / 2
    assert again.number == 3


def test_a_run_that_goes_on_remembers_who_died_in_its_earlier_parts(space: Workspace) -> None:
    first = Run(space, space.run("one"), seed=0)
    first.begin()
    first.progress.actor_deaths, first.progress.learner_deaths = 2, 1
    first.end(reached=False, stopped=True)
    second = Run(space, space.run("one"), seed=0)
    second.progress = progress_so_far(second.folder, space.spec)
    second.begin()
    again = progress_so_far(second.folder, space.spec)
    assert (again.actor_deaths, again.learner_deaths) == (2, 1)


@pytest.mark.parametrize("deaths", [-1, "many", None, 0.5])
def test_deaths_that_are_no_count_are_damage(space: Workspace, deaths: object) -> None:
    run = Run(space, space.run("one"), seed=0)
    run.begin()
    file = run.folder / "manifest.json"
    told = json.loads(file.read_text())
    told["progress"]["actor_deaths"] = deaths
    file.write_text(json.dumps(told))
    with pytest.raises(DataError, match=r"manifest\.json"):
        progress_so_far(run.folder, space.spec)


@pytest.mark.parametrize(
    ("reached", "stopped", "left", "status"),
    [
        (True, False, False, "finished"),
        (True, True, True, "finished"),
        (False, False, False, "finished"),  # at its limit
        (False, True, False, "stopped"),
        (False, False, True, "stopped"),
    ],
)
def test_a_run_is_finished_unless_somebody_ended_it_before_a_policy_passed(
    space: Workspace, reached: bool, stopped: bool, left: bool, status: str
) -> None:
    run = Run(space, space.run("one"), seed=0, left_early=left)
    run.begin()
    run.end(reached=reached, stopped=stopped)
    manifest = read_manifest(RunManifest, run.folder / "manifest.json")
    assert manifest is not None
    assert (manifest.status, manifest.reached_target) == (status, reached)
