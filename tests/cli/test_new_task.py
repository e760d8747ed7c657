"""`hilctl new-task` at a real terminal, from a script, and with bad input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pexpect
import pytest
from syrupy.assertion import SnapshotAssertion

from hilctl.task import scaffold
from hilctl.task.load import load_task

if TYPE_CHECKING:
    from conftest import Hilctl

RIGS = Path(__file__).resolve().parents[1] / "task" / "rigs"
QUESTIONS = scaffold.find_template("sim-insert").questions


@pytest.fixture
def terminal(here: Path) -> Iterator[Any]:
    """`hilctl new-task peg` at a terminal of its own."""
    child = pexpect.spawn(
        sys.executable,
        ["-m", "hilctl", "new-task", "peg"],
        cwd=here,
        env={**os.environ, "NO_COLOR": "1"},
        encoding="utf-8",
        timeout=30,
        echo=False,
    )
    yield child
    child.close(force=True)


def finish(child: Any) -> int:
    child.expect(pexpect.EOF)
    child.wait()
    return int(child.exitstatus)


def test_enter_takes_every_default(terminal: Any, here: Path) -> None:
    for question in QUESTIONS:
        terminal.expect_exact(f"{question.question} [{question.default}] ")
        terminal.sendline("")
    terminal.expect_exact("next: hilctl record-demos --task peg")
    assert finish(terminal) == 0
    assert load_task(here / "peg").training.demos == 20


def test_answers_and_second_chances(terminal: Any, here: Path) -> None:
    for question in QUESTIONS:
        terminal.expect_exact(question.question)
        if question.key == "demos":
            terminal.sendline("many")
            terminal.expect_exact("expected a whole number, got 'many'")
            terminal.expect_exact(question.question)
            terminal.sendline("7")
        else:
            terminal.sendline("push it in: gently" if question.key == "instruction" else "")
    assert finish(terminal) == 0
    spec = load_task(here / "peg")
    assert (spec.training.demos, spec.instruction) == (7, "push it in: gently")


def test_a_default_follows_what_was_answered(terminal: Any, here: Path) -> None:
    for question in QUESTIONS:
        shown = question.default_after({"teleop": "keyboard"})
        terminal.expect_exact(f"{question.question} [{shown}] ")
        terminal.sendline("keyboard" if question.key == "teleop" else "")
    assert finish(terminal) == 0
    assert load_task(here / "peg").control.max_episode_s == 30


WRONG = {
    "demos": ("0", "training.demos: expected at least 1, got 0"),
    "teleop": ("mouse", "teleop: 'mouse' is none of its choices"),
    "max_episode_s": ("-3", "control.max_episode_s: expected"),
    "target_success": ("95", "training.target_success: expected"),
}


def test_every_answer_is_checked_when_it_is_given(terminal: Any, here: Path) -> None:
    for question in QUESTIONS:
        terminal.expect_exact(question.question)
        if question.key in WRONG:
            answer, reason = WRONG[question.key]
            terminal.sendline(answer)
            terminal.expect_exact(reason)
            terminal.expect_exact(question.question)
            assert "error" not in terminal.before
        terminal.sendline("")
    assert finish(terminal) == 0
    assert load_task(here / "peg").training.demos == 20


def test_what_was_set_is_checked_before_anything_is_asked(here: Path) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "hilctl", "new-task", "peg", "--set", "demos=0"],
        cwd=here,
        env={**os.environ, "NO_COLOR": "1"},
        encoding="utf-8",
        timeout=30,
    )
    child.expect_exact("training.demos: expected at least 1, got 0")
    assert finish(child) == 2
    assert "?" not in child.before
    assert list(here.iterdir()) == []


def test_bytes_that_are_no_text_are_no_bug(hilctl: Hilctl, here: Path) -> None:
    answer = hilctl("new-task", "peg", "--defaults", "--set", "instruction=push \udcff in")
    assert answer.code == 2
    assert "not UTF-8 text" in answer.err
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("leave", [lambda child: child.sendintr(), lambda child: child.sendeof()])
def test_leaving_leaves_nothing(terminal: Any, here: Path, leave: Any) -> None:
    terminal.expect_exact(QUESTIONS[0].question)
    terminal.sendline("")
    terminal.expect_exact(QUESTIONS[1].question)
    leave(terminal)
    terminal.expect_exact("interrupted")
    assert finish(terminal) == 130
    assert list(here.iterdir()) == []


def test_from_a_script(hilctl: Hilctl, here: Path, snapshot: SnapshotAssertion) -> None:
    answer = hilctl("new-task", "peg", "--defaults", "--set", "demos=3")
    assert answer.code == 0
    assert answer.out == snapshot
    assert load_task(here / "peg").training.demos == 3


def test_nobody_there_is_said(hilctl: Hilctl) -> None:
    answer = hilctl("new-task", "peg")
    assert answer.code == 0
    assert answer.out.startswith("nobody is here to answer: the template's defaults are used\n")


def test_as_json(hilctl: Hilctl) -> None:
    answer = hilctl("new-task", "peg", "--json", "--template", "sim-reach")
    assert answer.code == 0
    assert answer.json == {
        "folder": "peg",
        "files": ["peg/README.md", "peg/task.yaml"],
        "next": "hilctl record-demos --task peg",
    }
    assert "next: hilctl record-demos --task peg" in answer.err


@pytest.mark.parametrize("template", ["serl-insert", "dual-franka", "so101-pick"])
def test_a_real_robot_is_looked_at_before_it_moves(hilctl: Hilctl, template: str) -> None:
    answer = hilctl("new-task", "peg", "--json", "--template", template, "--defaults")
    assert answer.json["next"] == "hilctl doctor --task peg"


BAD = {
    "unknown template": ("peg", "--template", "sim-insret"),
    "unknown setting": ("peg", "--set", "demoz=3"),
    "setting without a value": ("peg", "--set", "demos"),
    "wrong kind": ("peg", "--set", "demos=many"),
    "out of range": ("peg", "--set", "demos=0", "--set", "target_success=2"),
    "unknown hand": ("peg", "--set", "teleop=spacemose"),
    "bad name": ("1 peg",),
    "no parent": ("no/where/peg",),
    "taken": ("taken",),
}


@pytest.mark.parametrize("name", list(BAD))
def test_bad_input(name: str, hilctl: Hilctl, here: Path, snapshot: SnapshotAssertion) -> None:
    (here / "taken").mkdir()
    (here / "taken" / "mine").touch()
    answer = hilctl("new-task", "--defaults", *BAD[name])
    assert answer.code == 2
    assert answer.err == snapshot
    assert sorted(path.name for path in here.rglob("*")) == ["mine", "taken"]


def rig(name: str) -> str:
    """Return a rig's file in the current folder, under a short name."""
    Path("config.py").write_bytes((RIGS / name / "config.py").read_bytes())
    return "config.py"


def test_a_rig_becomes_a_task_and_what_is_left_out_is_told(
    hilctl: Hilctl, here: Path, snapshot: SnapshotAssertion
) -> None:
    answer = hilctl("new-task", "ram", "--from-hil-serl", rig("ram_insertion"), "--defaults")
    assert answer.code == 0
    assert answer.out == snapshot
    assert load_task(here / "ram").reset.random_xy_m == 0.02


def test_a_rig_as_json(hilctl: Hilctl, here: Path) -> None:
    given = ("--set", "gripper=franka", "--set", "left.RESET_POSE=[.5, 0, .4, np.pi, 0, 0]")
    file = rig("object_handover")
    answer = hilctl("new-task", "pass", "--from-hil-serl", file, "--json", *given)
    assert answer.code == 0
    assert any("left.REALSENSE_CAMERAS" in line for line in answer.json["changed"])
    assert any("buffer_period (config.py:" in line for line in answer.json["not_taken_over"])
    assert answer.json["next"] == "hilctl doctor --task pass"
    arms = load_task(here / "pass").arms
    assert arms is not None
    assert arms["left"].reset.pose[:3] == (0.5, 0, 0.4)
    assert arms["right"].robot.options.gripper == "franka"  # type: ignore[attr-defined]


def test_what_a_rig_does_not_hold_is_asked(here: Path) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "hilctl", "new-task", "egg", "--from-hil-serl", rig("egg_flip")],
        cwd=here,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200"},
        encoding="utf-8",
        timeout=30,
        echo=False,
        dimensions=(40, 200),
    )
    question = "RESET_POSE is not known: x, y, z in m; roll, pitch, yaw in rad? "
    for answer, reply in (
        ("", "nothing can be made without an answer"),
        ("high up", "cannot read 'high up'"),
        ("[1, 2]", "expected 6 numbers"),
        ("[0.5, 0, 0.2, np.pi, 0, 0]", "What should the robot do"),
    ):
        child.expect_exact(question)
        child.sendline(answer)
        child.expect_exact(reply)
    for _ in range(3):
        child.sendline("")
    child.expect_exact("next: hilctl doctor --task egg")
    assert finish(child) == 0
    assert load_task(here / "egg").reset.pose[:3] == (0.5, 0, 0.2)
    child.close(force=True)


BAD_RIGS = {
    "no pose": ("egg_flip",),
    "no such setting": ("ram_insertion", "--set", "RESET_POZE=1"),
    "no such arm": ("object_handover", "--set", "RESET_POSE=1"),
    "a pose of seven": ("ram_insertion", "--set", "RESET_POSE=[0] * 7"),
    "a template, too": ("ram_insertion", "--template", "sim-reach"),
    "no number of demonstrations": ("ram_insertion", "--set", "demos=many"),
}


@pytest.mark.parametrize("name", list(BAD_RIGS))
def test_bad_rigs(name: str, hilctl: Hilctl, here: Path, snapshot: SnapshotAssertion) -> None:
    file, *given = BAD_RIGS[name]
    answer = hilctl("new-task", "peg", "--defaults", "--from-hil-serl", rig(file), *given)
    assert answer.code in (2, 7)
    assert answer.err == snapshot
    assert [path.name for path in here.iterdir()] == ["config.py"]
