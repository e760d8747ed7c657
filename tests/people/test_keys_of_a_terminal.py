"""`hilctl` driven by the keys of a pseudo-terminal, as over ssh; what it leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pexpect
import pytest
from persons import TINY_CAMERAS

from hilctl.data.episode import Episode
from hilctl.task import scaffold
from hilctl.task.workspace import Workspace

HILCTL = [sys.executable, "-m", "hilctl"]
PATIENCE_S = 60


@pytest.fixture
def task(tmp_path: Path) -> Workspace:
    template = scaffold.find_template("sim-reach")
    answers = template.answers({"teleop": "keyboard", "demos": "1"})
    scaffold.create(template, tmp_path / "ball", answers)
    file = tmp_path / "ball" / "task.yaml"
    text = file.read_text("utf-8")
    for old, new in TINY_CAMERAS.items():
        text = text.replace(old, new, 1)
    file.write_text(text, "utf-8")
    return Workspace(tmp_path / "ball")


def shell(task: Workspace) -> pexpect.spawn:
    """Start a shell in a terminal of its own, whose modes outlive the command."""
    spawned = pexpect.spawn(
        "sh",
        ["-c", "echo begin; read go; " + " ".join([*HILCTL, "record-demos"]) + "; read end"],
        cwd=str(task.root),
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        timeout=PATIENCE_S,
        dimensions=(40, 100),
    )
    spawned.expect_exact("begin")
    return spawned


def modes(terminal: pexpect.spawn) -> list[object]:
    return list(termios.tcgetattr(terminal.child_fd))


def until_key_by_key(terminal: pexpect.spawn) -> None:
    """Wait until keys come as they are pressed."""
    deadline = time.monotonic() + PATIENCE_S
    while termios.tcgetattr(terminal.child_fd)[3] & termios.ICANON:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def until_as_before(terminal: pexpect.spawn, before: list[object]) -> None:
    """Wait until the command has given the terminal back, which is when it ends."""
    deadline = time.monotonic() + PATIENCE_S
    while modes(terminal) != before:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_demonstration_is_driven_and_the_terminal_is_as_before(task: Workspace) -> None:
    terminal = shell(task)
    before = modes(terminal)
    terminal.send("\r")
    terminal.expect_exact("forward")  # the keys are on the screen
    until_key_by_key(terminal)
    terminal.expect_exact("begins when you move")
    time.sleep(1.5)  # it is not begun yet
    for _ in range(10):
        terminal.send("f")
        time.sleep(0.1)
    terminal.send("\r")
    terminal.expect_exact("that was the last one")
    terminal.send("g")
    terminal.expect_exact("next:")
    until_as_before(terminal, before)
    terminal.close()
    (path,) = task.demos.glob("episode_*.hdf5")
    episode = Episode.read(path)
    assert episode.intervened.all()
    driven = np.nanmax(np.abs(episode.human_actions), axis=0)
    assert driven[2] > 0.9  # down, in the axes of a tool that points down
    assert np.delete(driven, 2).max() < 0.2
    # the first look was not before the wait: what is seen is what is answered
    assert episode.stamps_ns[1] - episode.stamps_ns[0] < 1.2e9


def test_ctrl_c_asks_in_a_terminal_that_is_as_before(task: Workspace) -> None:
    terminal = shell(task)
    before = modes(terminal)
    terminal.send("\r")
    terminal.expect_exact("forward")
    in_a_view = [*before]
    in_a_view[3] &= ~termios.ECHOCTL  # no ^C is written into it
    until_key_by_key(terminal)
    terminal.expect_exact("begins when you move")
    terminal.send("f")
    terminal.expect_exact("start: ready")
    time.sleep(1.0)
    terminal.send("\x03")
    terminal.expect_exact("keep this episode?")
    assert modes(terminal) == in_a_view
    terminal.send("n\r")
    terminal.expect_exact("next:")
    until_as_before(terminal, before)
    terminal.close()


@pytest.mark.parametrize("arguments", [["record-demos"], ["doctor"]])
def test_without_a_terminal_it_says_how_to_get_one(task: Workspace, arguments: list[str]) -> None:
    done = subprocess.run(
        [*HILCTL, *arguments, "--json"],
        cwd=task.root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        start_new_session=True,
    )
    assert done.returncode == 4
    assert "ssh -t" in json.dumps(json.loads(done.stdout.splitlines()[-1]))
    assert "Traceback" not in done.stderr


def test_a_terminal_that_closes_in_mid_episode_ends_the_command(task: Workspace) -> None:
    terminal = shell(task)
    terminal.send("\r")
    terminal.expect_exact("forward")
    until_key_by_key(terminal)
    (pid,) = [
        int(line.split()[0])
        for line in subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(terminal.pid)], capture_output=True, text=True
        ).stdout.splitlines()
        if "record-demos" in line
    ]
    os.close(terminal.child_fd)
    deadline = time.monotonic() + PATIENCE_S
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{pid}").exists()
    assert not list(task.demos.glob("*.partial"))
    terminal.closed = True
