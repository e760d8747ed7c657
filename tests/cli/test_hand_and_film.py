"""Bars of a hand and films of episodes in a real terminal; Ctrl-C leaves a whole screen."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest
from episode_files import make_task, write_demo

from hilctl.task.workspace import Workspace

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
Spawn = Callable[..., Any]


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    made = make_task(tmp_path / "task")
    write_demo(made, steps=60)
    return made


@pytest.fixture
def spawn(space: Workspace) -> Iterator[Spawn]:
    children = []

    def call(*arguments: str) -> Any:
        child = pexpect.spawn(
            sys.executable,
            ["-m", "hilctl", *arguments],
            cwd=str(space.root),
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "90"},
            encoding="utf-8",
            codec_errors="replace",  # a terminal drops what is not yet read at Ctrl-C
            timeout=60,
            dimensions=(30, 90),
            echo=False,
        )
        child.logfile_read = Log()
        children.append(child)
        return child

    yield call
    for child in children:
        child.close(force=True)


class Log:
    """Everything that a terminal was sent."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        """Do nothing."""


def ended(child: Any) -> tuple[int, str]:
    """Return the exit code and everything that was shown, once the screen is known to be whole."""
    child.expect(pexpect.EOF)
    child.close()
    text = child.logfile_read.text
    assert text.rfind(SHOW) > text.rfind(HIDE)
    assert text.endswith("\r\n")
    return child.exitstatus, text


@pytest.mark.parametrize("move", [False, True])
def test_a_hand_has_live_bars_until_its_time_is_over(spawn: Spawn, move: bool) -> None:
    child = spawn("teleop", "-s", "2", *(["--move"] if move else []))
    child.expect("robot follows" if move else "robot still")
    child.expect("█")
    code, text = ended(child)
    assert code == 0
    for name in ("gripper", "engaged", "newest input", "the driver does not say", "a second"):
        assert name in text
    assert "next: " in text or "next:\x1b[0m " in text


@pytest.mark.parametrize("move", [False, True])
def test_ctrl_c_ends_a_trial_of_a_hand(spawn: Spawn, move: bool) -> None:
    child = spawn("teleop", *(["--move"] if move else []))
    child.expect("█")
    child.sendintr()
    child.expect("polls in")
    code, text = ended(child)
    assert code == 130
    assert "Traceback" not in text
    assert ("hilctl record-demos" if move else "hilctl teleop --move") in text  # what comes next


def test_a_film_is_shown_to_its_end(spawn: Spawn) -> None:
    child = spawn("replay", "1")
    child.expect("▀▀▀▀")
    child.expect("step [345][0-9]/60")  # those that come too late are left out
    code, text = ended(child)
    assert code == 0
    assert "60 steps in 6.0 s" in text


def test_ctrl_c_ends_a_film(spawn: Spawn) -> None:
    child = spawn("replay", "1")
    child.expect("step [0-9]+/60")
    child.sendintr()
    code, text = ended(child)
    assert code == 130
    assert "step 59/60" not in text


def test_removing_asks_and_takes_no_for_an_answer(spawn: Spawn, space: Workspace) -> None:
    for answer, there in (("n", True), ("y", False)):
        child = spawn("demos", "rm", "1")
        child.expect(r"put episode_000001.hdf5 aside\? \[y/N\]")
        child.sendline(answer)
        child.expect("nothing was moved" if there else "1 put aside")
        child.expect(pexpect.EOF)
        assert (space.demos / "episode_000001.hdf5").exists() is there
