"""`hilctl train` as two processes that may die, and the one that watches over them."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from finished_run import HOUR_S, FinishedRun
from processes import (
    Start,
    copy,
    edit,
    episodes,
    eventually,
    is_episode,
    is_gone,
    processes,
    starting,
    until,
)
from stopped_run import StoppedRun

from hilctl.data.header import EpisodeHeader
from hilctl.pipeline.stages import State, survey
from hilctl.task.workspace import Workspace


def policy_state(task: Workspace) -> State:
    return {stage.name: stage.state for stage in survey(Workspace(task.root))}["policy"]


def test_both_sides_work_at_once_in_real_time(finished_once: FinishedRun) -> None:
    space, result = finished_once.space, finished_once.result
    assert finished_once.seconds > 0.08 * finished_once.steps  # 10 Hz
    assert result["episodes"] == len(episodes(space))
    assert 0 < result["updates"] <= result["robot_steps"] + 4
    assert (result["actor_deaths"], result["learner_deaths"]) == (0, 0)
    assert (space.root / result["checkpoint"]).exists()
    assert policy_state(space) is State.READY


def test_a_clock_that_is_set_while_training_runs_changes_nothing(
    finished_once: FinishedRun,
) -> None:
    result = finished_once.result
    assert 12 < result["robot_s"] < 25
    assert result["wall_s"] < HOUR_S
    assert result["worst_late_s"] < HOUR_S
    assert result["late_periods"] < result["robot_steps"] / 2


@dataclass(frozen=True)
class RunWithDeaths:
    """A run whose learner and then whose actor was killed: its folder and all it told."""

    space: Workspace
    events: list[dict[str, Any]]

    @property
    def result(self) -> dict[str, Any]:
        return self.events[-1]

    def after_the_death_of(self, role: str) -> list[dict[str, Any]]:
        deaths = [(event.get("event"), event.get("role")) for event in self.events]
        return self.events[deaths.index(("death", role)) :]


@pytest.fixture(scope="module")
def with_deaths(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> RunWithDeaths:
    """A run whose learner is killed, and then its actor four seconds into an episode."""
    space = copy(recorded, tmp_path_factory.mktemp("deaths") / "task")
    edit(
        space, {"max_episode_s: 2": "max_episode_s: 6", "robot_minutes: 0.25": "robot_minutes: 0.6"}
    )
    with starting() as start:
        running = start(space, "train")
        events = until(running, is_episode(1))
        os.kill(processes(events)["learner"], signal.SIGKILL)
        events += until(running, is_process("learner"))
        (run,) = space.all_runs()
        assert eventually(old_episode(run / "episodes", 4.0))
        os.kill(processes(events)["actor"], signal.SIGKILL)
        events += until(running, lambda event: "reached_target" in event)
        assert running.finish()[0] == 0
    return RunWithDeaths(space, events)


def is_process(role: str) -> Callable[[dict[str, Any]], bool]:
    """Return whether an event is the start of a side."""
    return lambda event: event["event"] == "process" and event["role"] == role


def old_episode(folder: Path, seconds: float) -> Callable[[], bool]:
    """Return what tells whether an episode has been written for so long."""
    seen: dict[Path, float] = {}

    def is_there() -> bool:
        for partial in folder.glob("*.partial"):
            if time.monotonic() - seen.setdefault(partial, time.monotonic()) >= seconds:
                return True
        return False

    return is_there


@pytest.mark.parametrize("role", ["learner", "actor"])
def test_a_side_that_dies_is_started_again_and_nothing_is_lost(
    with_deaths: RunWithDeaths, role: str
) -> None:
    space, result = with_deaths.space, with_deaths.result
    assert with_deaths.after_the_death_of(role)[0]["deaths"] == 1
    assert result[f"{role}_deaths"] == 1
    assert result["episodes"] == len(episodes(space))
    assert result["updates"] > 0
    (run,) = space.all_runs()
    about = json.loads((space.root / result["checkpoint"]).read_text())
    assert about["robot_steps"] == result["robot_steps"]  # the learner took every episode in, once
    assert not list((run / "episodes").glob("*.partial"))


def test_an_actor_killed_four_seconds_into_an_episode_is_heard_again_and_done_arrives(
    with_deaths: RunWithDeaths,
) -> None:
    after = with_deaths.after_the_death_of("actor")
    (recovered,) = [event for event in after if event.get("event") == "recovered"]
    assert recovered["steps"] >= 10
    assert Path(recovered["path"]).is_file()
    assert any(event.get("event") == "moving" for event in after)
    assert any(event.get("event") == "episode" for event in after)


def test_ctrl_c_stops_and_saves(stopped: StoppedRun) -> None:
    code, _, talk = stopped.answer
    assert code == 130, talk
    assert stopped.left_over == []
    assert policy_state(stopped.space) is State.PARTIAL


def test_without_a_supervisor_both_sides_leave(ready: Workspace, start: Start) -> None:
    running = start(ready, "train")
    pids = processes(until(running, is_episode(1)))
    running.kill(signal.SIGKILL)
    running.finish()
    assert eventually(lambda: all(is_gone(pid) for pid in pids.values()))


def test_what_a_side_cannot_do_is_said_once_and_ends_the_command(
    ready: Workspace, start: Start
) -> None:
    file = ready.classifier / "classifier.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"encoder_fingerprint": "other"}))
    running = start(ready, "train")
    code, lines, talk = running.finish()
    assert code == 7
    assert "made for another set-up" in json.dumps(lines[-1])
    assert "Traceback" not in talk
    assert not ready.runs.exists()


@pytest.mark.slow
@pytest.mark.timeout(1800)  # twenty starts of half a minute
def test_twenty_kills_at_random_moments_lose_no_episode(ready: Workspace, start: Start) -> None:
    draw = random.Random(0)
    edit(ready, {"max_robot_minutes: 0.25": "max_robot_minutes: 30"})
    kept = 0
    for _ in range(20):
        running = start(ready, "train")
        events = until(running, is_episode(kept + 1))
        pids = processes(events) | {"supervisor": running.process.pid}
        time.sleep(draw.uniform(0, 3))
        for pid in draw.sample(sorted(pids.values()), draw.randint(1, 3)):
            os.kill(pid, signal.SIGKILL)
        time.sleep(draw.uniform(0, 1))
        running.kill(signal.SIGKILL)
        running.finish()
        assert eventually(lambda gone=pids: all(is_gone(pid) for pid in gone.values()))
        assert len(episodes(ready)) >= max(kept + 1, events[-1]["episodes"])
        kept = len(episodes(ready))
    last = start(ready, "train")
    events = until(last, is_episode(kept + 1))
    assert events[-1]["episodes"] == kept + 1
    steps = sum(EpisodeHeader.read(path).num_samples for path in episodes(ready))
    assert events[-1]["robot_steps"] == steps
    last.kill(signal.SIGINT)
    assert last.finish()[0] == 130
