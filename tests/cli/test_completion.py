"""Tab completes what there is, in the shell itself, and is silent about what makes no sense."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pytest
from test_help import HEAVY

from hilctl.cli.app import COMMANDS
from hilctl.task.templates import template_folders

if TYPE_CHECKING:
    from conftest import Hilctl

TEMPLATES = [folder.name for folder in template_folders()]
Complete = Callable[..., list[str]]
TYPER_S_OWN = {"pydantic", "importlib.metadata"}  # typer reads a command's options with pydantic


def completion(line: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """Return what Python with these flags answers when bash asks how a line goes on."""
    return subprocess.run(
        [sys.executable, *flags, "-m", "hilctl"],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split(" ")) - 1),
            "_HILCTL_COMPLETE": "complete_bash",
        },
        timeout=60,
    )


@pytest.fixture
def complete(here: Path) -> Complete:
    """Return what bash is offered for a line."""

    def call(line: str) -> list[str]:
        done = completion(line)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.split()

    return call


@pytest.fixture
def task(hilctl: Hilctl, here: Path) -> Path:
    """A task with two runs."""
    hilctl("new-task", "peg", "--defaults")
    for run in ("20260101-100000", "20260102-100000"):
        (here / "peg" / "runs" / run).mkdir(parents=True)
    return here / "peg"


def test_commands_and_their_beginnings(complete: Complete) -> None:
    assert complete("hilctl ") == list(COMMANDS)
    assert complete("hilctl rec") == ["record-demos", "record-labels"]
    assert complete("hilctl help tra") == ["train-classifier", "train"]
    assert "--rollback" in complete("hilctl train --")


@pytest.mark.parametrize("command", ["new-task peg", "quickstart"])
def test_templates(command: str, complete: Complete) -> None:
    assert complete(f"hilctl {command} --template ") == TEMPLATES


def test_runs_the_newest_first(task: Path, complete: Complete) -> None:
    runs = ["20260102-100000", "20260101-100000"]
    for option in ("status", "report", "eval", "train"):
        word = {"eval": "--run ", "train": "--like "}.get(option, "")
        assert complete(f"hilctl {option} --task peg {word}") == runs
    assert complete("hilctl status ") == []


def test_cameras_and_steps(task: Path, complete: Complete) -> None:
    assert complete("hilctl calibrate drift --task peg --camera ") == ["wrist", "side"]
    assert complete("hilctl calibrate dr") == ["drift"]
    assert complete("hilctl bench m") == ["methods"]


@pytest.mark.parametrize(
    "text", ["", "cameras:\n", "cameras: {a: {type: sim}}\n", "x: 1\n", "cameras:\n\t- bad: [\n"]
)
def test_a_task_file_that_is_odd_offers_nothing(text: str, task: Path, complete: Complete) -> None:
    (task / "task.yaml").write_text(text)
    assert complete("hilctl calibrate drift --task peg --camera ") == []


@pytest.mark.parametrize(
    "line", ["hilctl statsu ", "hilctl train --nothing ", "hilctl eval --run "]
)
def test_nonsense_is_met_with_silence(line: str, complete: Complete) -> None:
    assert complete(line) == []


def test_who_waits_for_it_waits_for_nothing_heavy(here: Path) -> None:
    done = completion("hilctl tr", "-X", "importtime")
    assert done.stdout.split() == ["train-classifier", "train"]
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in loaded
    assert loaded.isdisjoint(set(HEAVY) - TYPER_S_OWN)


def test_bash_learns_it_and_completes(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs bash")
    program = here / "bin" / "hilctl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hilctl "$@"\n')
    program.chmod(0o755)
    home = here / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    child = pexpect.spawn(
        bash, ["--norc", "--noprofile"], encoding="utf-8", timeout=30, dimensions=(24, 200)
    )
    child.sendline("PS1='ready> '; bind 'set enable-bracketed-paste off'")
    child.expect_exact("ready> ")
    child.sendline("hilctl --install-completion")
    child.expect_exact("completion installed")
    child.sendline("source ~/.bashrc; echo sour''ced")
    child.expect_exact("sourced")
    child.send("hilctl doc\t")
    child.expect_exact("hilctl doctor ")
    child.send("--js\t")
    child.expect_exact("--json ")
    child.sendcontrol("c")
    child.close(force=True)


def test_the_script_can_be_shown(here: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs bash")
    command = f"{sys.executable} -m hilctl --show-completion; exit $?"
    done = subprocess.run([bash, "-c", command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "complete -o default" in done.stdout
    assert "_HILCTL_COMPLETE=complete_bash" in done.stdout
