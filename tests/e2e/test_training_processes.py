"""`hilctl train` as two processes that may die, and the one that watches over them."""

from __future__ import annotations

import json
import os
import random
import signal
import time

import pytest
from finished_run import HOUR_S, FinishedRun
from processes import (
    Start,
    edit,
    episodes,
    eventually,
    is_episode,
    is_gone,
    processes,
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
    assert 12 < result["robot_s"] < HOUR_S
    assert result["wall_s"] < HOUR_S
    assert result["worst_late_s"] < HOUR_S
    assert result["late_periods"] < result["robot_steps"] / 2


def test_ctrl_c_stops_and_saves(stopped: StoppedRun) -> None:
    code, _, talk = stopped.answer
    assert code == 130, talk
    assert stopped.left_over == []
    assert policy_state(stopped.space) is State.PARTIAL


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
    edit(ready, {"max_robot_minutes: 0.4": "max_robot_minutes: 30"})
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
