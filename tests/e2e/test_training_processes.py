"""`hilctl train` as two processes that may die, and the one that watches over them."""

from __future__ import annotations

import json
import os
import random
import signal
import time

import pytest
from processes import Start, episodes, eventually, is_episode, is_gone, processes, until

from hilctl.data.header import EpisodeHeader
from hilctl.pipeline.stages import State, survey
from hilctl.task.workspace import Workspace


def policy_state(task: Workspace) -> State:
    return {stage.name: stage.state for stage in survey(Workspace(task.root))}["policy"]


def test_both_sides_work_at_once_in_real_time(ready: Workspace, start: Start) -> None:
    running = start(ready, "train")
    events = until(running, is_episode(1))
    began = time.monotonic()
    steps = events[-1]["robot_steps"]
    events = until(running, lambda event: "reached_target" in event)
    last, result = events[-2], events[-1]
    assert time.monotonic() - began > 0.08 * (last["robot_steps"] - steps)  # 10 Hz
    assert running.finish()[0] == 0
    assert result["episodes"] == len(episodes(ready))
    assert 0 < result["updates"] <= result["robot_steps"] + 4
    assert (result["actor_deaths"], result["learner_deaths"]) == (0, 0)
    assert (ready.root / result["checkpoint"]).exists()
    assert policy_state(ready) is State.READY


@pytest.mark.parametrize("role", ["learner", "actor"])
def test_a_side_that_dies_is_started_again_and_nothing_is_lost(
    ready: Workspace, start: Start, role: str
) -> None:
    running = start(ready, "train")
    pids = processes(until(running, is_episode(2)))
    os.kill(pids[role], signal.SIGKILL)
    events = until(running, lambda event: event["event"] == "death")
    assert (events[-1]["role"], events[-1]["deaths"]) == (role, 1)
    events = until(running, lambda event: "reached_target" in event)
    result = events[-1]
    assert running.finish()[0] == 0
    assert result[f"{role}_deaths"] == 1
    assert result["episodes"] == len(episodes(ready))
    assert result["updates"] > 0
    (run,) = ready.all_runs()
    about = json.loads((ready.root / result["checkpoint"]).read_text())
    assert about["robot_steps"] == result["robot_steps"]  # the learner took every episode in, once
    assert not list((run / "episodes").glob("*.partial"))


def test_ctrl_c_stops_saves_and_the_next_run_goes_on(ready: Workspace, start: Start) -> None:
    running = start(ready, "train")
    pids = processes(until(running, is_episode(2)))
    running.kill(signal.SIGINT)
    code, _, talk = running.finish()
    assert code == 130, talk
    assert all(is_gone(pid) for pid in pids.values())
    assert policy_state(ready) is State.PARTIAL
    before = len(episodes(ready))
    again = start(ready, "train")
    first = until(again, is_episode(1))[-1]
    assert first["episodes"] == before + 1
    again.kill(signal.SIGINT)
    again.finish()


def test_without_a_supervisor_both_sides_leave(ready: Workspace, start: Start) -> None:
    running = start(ready, "train")
    pids = processes(until(running, is_episode(2)))
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
    text = ready.task_file.read_text()
    ready.task_file.write_text(text.replace("max_robot_minutes: 0.25", "max_robot_minutes: 30"))
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
