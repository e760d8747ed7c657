"""Real processes and a person at a pseudo-terminal: the screen, the keys, Ctrl-C."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest
from persons import Person, small_task
from test_human_reward import SHORT, by_hand

from hilctl.data.index import episode_paths
from hilctl.pipeline.record.demos import record_demos
from hilctl.task.workspace import Workspace

PATIENCE_S = 150  # for a learner that is compiled while three other processes test


@pytest.fixture
def at_terminal() -> Iterator[Callable[..., pexpect.spawn]]:
    """Start hilctl in a terminal, whose keys are those of the hand."""
    started: list[pexpect.spawn] = []

    def start(space: Workspace, *arguments: str) -> pexpect.spawn:
        text = space.task_file.read_text("utf-8")
        terminal = text.partition("terminal: ")[2].partition(",")[0]
        space.task_file.write_text(text.replace(terminal, "/dev/tty"), "utf-8")
        child = pexpect.spawn(
            sys.executable,
            ["-m", "hilctl", *arguments],
            cwd=str(space.root),
            env={**os.environ, "TERM": "xterm", "COLUMNS": "200"},
            dimensions=(40, 200),
            encoding="utf-8",
            codec_errors="replace",  # a terminal drops what is not yet read at Ctrl-C
            timeout=PATIENCE_S,
        )
        started.append(child)
        return child

    yield start
    for child in started:
        child.close(force=True)


def test_a_person_in_a_terminal_is_asked_and_answers(
    at_terminal: Callable[..., pexpect.spawn], space: Workspace
) -> None:
    child = at_terminal(space, "record-demos", "-n", "1")
    child.expect("waiting for you: the simulator puts things back when you press g")
    child.send("g")
    child.expect("that was the last one: r = record the last one again, g = ready")
    child.send("r")
    child.expect("does not count any more and is now")
    child.expect("waiting for you")
    child.send("g")
    child.expect("that was the last one")
    child.send("g")
    child.expect("1 of 1 demonstrations are there")
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 0
    assert [path.name for path in episode_paths(space.demos)] == ["episode_000002.hdf5"]


def test_ctrl_c_ends_the_wait_for_a_person(
    at_terminal: Callable[..., pexpect.spawn], space: Workspace
) -> None:
    child = at_terminal(space, "record-demos")
    child.expect("waiting for you")
    child.sendintr()
    child.expect("0 of 2 demonstrations")
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 130


@pytest.fixture
def judged(tmp_path: Path, person: Person) -> Workspace:
    """A task with demonstrations whose person puts back and judges."""
    space = small_task(tmp_path / "judged", None, SHORT)
    space.task_file.write_text(by_hand(space.task_file.read_text()))
    record_demos(Workspace(space.root), count=2)
    text = space.task_file.read_text()
    typing = f"{{type: typing, terminal: {person.terminal}, calls: false}}"
    space.task_file.write_text(text.replace("{type: scripted, skill: 0.8}", typing))
    return Workspace(space.root)


@pytest.fixture
def training(judged: Workspace) -> Iterator[subprocess.Popen[str]]:
    """Acting and learning processes of it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hilctl", "train", "--json"],
        cwd=judged.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def until(process: subprocess.Popen[str], wanted: Callable[[dict[str, Any]], bool]) -> Any:
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if wanted(event):
            return event
    raise AssertionError(process.communicate()[1])


def is_asked(subject: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event.get("event") == "waiting" and event.get("for") == subject


def is_episode(event: dict[str, Any]) -> bool:
    return event.get("event") == "episode"


def status_of(process: subprocess.Popen[str]) -> str:
    root = Path(f"/proc/{process.pid}/cwd").resolve()
    (manifest,) = root.glob("runs/*/manifest.json")
    return str(json.loads(manifest.read_text())["status"])


@pytest.mark.slow
def test_a_person_judges_in_real_time_what_two_processes_learn(
    training: subprocess.Popen[str], person: Person
) -> None:
    asked = until(training, is_asked("ready"))
    assert asked["keys"] == {"ready": "g", "quit": "q"}
    assert status_of(training) == "running"
    person.type("g")
    until(training, lambda event: event.get("event") == "moving")
    person.type("s")
    episode = until(training, is_episode)
    assert (episode["episodes"], episode["reward"], episode["claims"]) == (1, 1.0, 0)
    until(training, is_asked("ready"))
    person.type("g")
    until(training, lambda event: event.get("event") == "answered")
    person.type("f")
    episode = until(training, is_episode)
    assert (episode["episodes"], episode["reward"]) == (2, 0.0)
    until(training, is_asked("ready"))
    person.type("q")
    _, talk = training.communicate(timeout=PATIENCE_S)
    assert training.returncode == 0, talk


def test_the_live_view_of_a_training_shows_what_is_asked_and_ctrl_c_ends_the_wait(
    at_terminal: Callable[..., pexpect.spawn], judged: Workspace
) -> None:
    child = at_terminal(judged, "train")
    child.expect("waiting for you: the simulator puts things back when you press g")
    child.send("g")
    child.expect("the robot moves")
    child.send("p")
    child.expect("paused, the robot holds: p = go on, f = failure")
    child.send("f")
    child.expect("success without help, last 20")
    child.expect("waiting for you")
    child.sendintr()
    child.expect("stopping the robot")
    child.expect("stopped before the target was reached: [0-9]+ robot steps")
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 130
