"""`hilctl train` as two processes that may die, and the one that watches over them."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from processes import FEW_LABELS, TINY_CAMERAS, Running, Start, make_task

from hilctl.data.header import EpisodeHeader
from hilctl.pipeline.record_demos import record_demos
from hilctl.pipeline.record_labels import record_labels
from hilctl.pipeline.stages import State, survey
from hilctl.pipeline.train_classifier import train_classifier
from hilctl.task.workspace import Workspace

SHORT = {
    "max_robot_minutes: 20": "max_robot_minutes: 0.5",
    "updates_per_step: 4": "updates_per_step: 1",
    "updates_before: 2000": "updates_before: 4",
}
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A task with demonstrations and a classifier."""
    folder = tmp_path_factory.mktemp("stages") / "task"
    space = make_task(
        folder, "sim-reach", TINY_CAMERAS | FEW_LABELS | SHORT, demos="3", max_episode_s="2"
    )
    record_demos(space)
    record_labels(space)
    train_classifier(space)
    return space


@pytest.fixture
def space(ready: Workspace, tmp_path: Path) -> Workspace:
    shutil.copytree(ready.root, tmp_path / "task")
    return Workspace(tmp_path / "task")


def until(running: Running, wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Return all events up to the one that is wanted."""
    seen = [running.event()]
    while not wanted(seen[-1]):
        seen.append(running.event())
    return seen


def is_episode(number: int) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event["event"] == "episode" and event["episodes"] >= number


def processes(events: list[dict[str, Any]]) -> dict[str, int]:
    return {event["role"]: event["pid"] for event in events if event["event"] == "process"}


def episodes(space: Workspace) -> list[Path]:
    (run,) = space.all_runs()
    return sorted((run / "episodes").glob("*.hdf5"))


def is_gone(pid: int) -> bool:
    try:
        return "Z" in Path(f"/proc/{pid}/stat").read_text().split(")")[1][:3]
    except OSError:
        return True


def eventually(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not true() and time.monotonic() < deadline:
        time.sleep(0.1)
    return true()


def policy_state(space: Workspace) -> State:
    return {stage.name: stage.state for stage in survey(Workspace(space.root))}["policy"]


def test_both_sides_work_at_once_in_real_time(space: Workspace, start: Start) -> None:
    running = start(space, "train")
    events = until(running, is_episode(1))
    began = time.monotonic()
    steps = events[-1]["robot_steps"]
    events = until(running, lambda event: "reached_target" in event)
    last, result = events[-2], events[-1]
    assert time.monotonic() - began > 0.08 * (last["robot_steps"] - steps)  # 10 Hz
    assert running.finish()[0] == 0
    assert result["episodes"] == len(episodes(space))
    assert 0 < result["updates"] <= result["robot_steps"] + 4
    assert (result["actor_deaths"], result["learner_deaths"]) == (0, 0)
    assert (space.root / result["checkpoint"]).exists()
    assert policy_state(space) is State.READY


@pytest.mark.parametrize("role", ["learner", "actor"])
def test_a_side_that_dies_is_started_again_and_nothing_is_lost(
    space: Workspace, start: Start, role: str
) -> None:
    running = start(space, "train")
    pids = processes(until(running, is_episode(2)))
    os.kill(pids[role], signal.SIGKILL)
    events = until(running, lambda event: event["event"] == "death")
    assert (events[-1]["role"], events[-1]["deaths"]) == (role, 1)
    events = until(running, lambda event: "reached_target" in event)
    result = events[-1]
    assert running.finish()[0] == 0
    assert result[f"{role}_deaths"] == 1
    assert result["episodes"] == len(episodes(space))
    assert result["updates"] > 0
    (run,) = space.all_runs()
    about = json.loads((space.root / result["checkpoint"]).read_text())
    assert about["robot_steps"] == result["robot_steps"]  # the learner took every episode in, once
    assert not list((run / "episodes").glob("*.partial"))


def test_ctrl_c_stops_saves_and_the_next_run_goes_on(space: Workspace, start: Start) -> None:
    running = start(space, "train")
    pids = processes(until(running, is_episode(2)))
    running.kill(signal.SIGINT)
    code, _, talk = running.finish()
    assert code == 130, talk
    assert all(is_gone(pid) for pid in pids.values())
    assert policy_state(space) is State.PARTIAL
    before = len(episodes(space))
    again = start(space, "train")
    first = until(again, is_episode(1))[-1]
    assert first["episodes"] == before + 1
    again.kill(signal.SIGINT)
    again.finish()


def test_without_a_supervisor_both_sides_leave(space: Workspace, start: Start) -> None:
    running = start(space, "train")
    pids = processes(until(running, is_episode(2)))
    running.kill(signal.SIGKILL)
    running.finish()
    assert eventually(lambda: all(is_gone(pid) for pid in pids.values()))


def test_what_a_side_cannot_do_is_said_once_and_ends_the_command(
    space: Workspace, start: Start
) -> None:
    file = space.classifier / "classifier.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"encoder_fingerprint": "other"}))
    running = start(space, "train")
    code, lines, talk = running.finish()
    assert code == 7
    assert "made for another set-up" in json.dumps(lines[-1])
    assert "Traceback" not in talk
    assert not space.runs.exists()


@pytest.mark.slow
def test_twenty_kills_at_random_moments_lose_no_episode(space: Workspace, start: Start) -> None:
    draw = random.Random(0)
    text = space.task_file.read_text()
    space.task_file.write_text(text.replace("max_robot_minutes: 0.5", "max_robot_minutes: 30"))
    kept = 0
    for _ in range(20):
        running = start(space, "train")
        events = until(running, is_episode(kept + 1))
        pids = processes(events) | {"supervisor": running.process.pid}
        time.sleep(draw.uniform(0, 3))
        for pid in draw.sample(sorted(pids.values()), draw.randint(1, 3)):
            os.kill(pid, signal.SIGKILL)
        time.sleep(draw.uniform(0, 1))
        running.kill(signal.SIGKILL)
        running.finish()
        assert eventually(lambda gone=pids: all(is_gone(pid) for pid in gone.values()))
        assert len(episodes(space)) >= max(kept + 1, events[-1]["episodes"])
        kept = len(episodes(space))
    last = start(space, "train")
    events = until(last, is_episode(kept + 1))
    assert events[-1]["episodes"] == kept + 1
    steps = sum(EpisodeHeader.read(path).num_samples for path in episodes(space))
    assert events[-1]["robot_steps"] == steps
    last.kill(signal.SIGINT)
    assert last.finish()[0] == 130
