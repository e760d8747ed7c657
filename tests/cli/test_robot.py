"""`hilctl robot`: what is done to an arm on a person's word alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fake_robot_server import FakeArm, serving

if TYPE_CHECKING:
    from conftest import Hilctl


@pytest.fixture
def arm() -> Iterator[FakeArm]:
    with serving(FakeArm()) as arm:
        yield arm


@pytest.fixture
def task(hilctl: Hilctl, here: Path, arm: FakeArm) -> str:
    made = ("new-task", "peg", "--template", "serl-insert", "--defaults", "--set", f"url={arm.url}")
    assert hilctl(*made).code == 0
    return str(here / "peg")


def test_it_tells_what_can_be_done_and_asks_nobody(hilctl: Hilctl, task: str, arm: FakeArm) -> None:
    answer = hilctl("robot", "--task", task, "--json")
    assert answer.code == 0
    assert set(answer.json["chores"]) == {"clear-errors", "start", "reset-joints"}
    assert "clear-errors" in answer.err
    assert arm.looks == 0


def test_nothing_is_done_where_nobody_says_yes(hilctl: Hilctl, task: str, arm: FakeArm) -> None:
    answer = hilctl("robot", "clear-errors", "--task", task)
    assert answer.code == 2
    assert "--allow-motion" in answer.err
    assert arm.calls == []


def test_it_is_done_on_a_persons_word(hilctl: Hilctl, task: str, arm: FakeArm) -> None:
    answer = hilctl("robot", "clear-errors", "--task", task, "--allow-motion", "--json")
    assert answer.code == 0, answer.err
    assert arm.routes == ["clearerr"]
    assert "doctor" in answer.json["next"]


def test_what_no_robot_can_do_is_told(hilctl: Hilctl, task: str, here: Path) -> None:
    answer = hilctl("robot", "clear-error", "--task", task, "--allow-motion")
    assert answer.code == 2
    assert "did you mean 'clear-errors'?" in answer.err
    hilctl("new-task", "ball", "--template", "sim-reach", "--defaults")
    answer = hilctl("robot", "--task", str(here / "ball"))
    assert answer.code == 0
    assert "nothing of that kind" in answer.out
    answer = hilctl("robot", "dance", "--task", str(here / "ball"), "--allow-motion")
    assert answer.code == 2
    answer = hilctl("robot", "--arm", "left", "--task", task)
    assert answer.code == 2
    assert "there is no arm 'left'" in answer.err


def test_doctor_tells_how_fast_the_server_answers_and_changes_nothing(
    hilctl: Hilctl, task: str, arm: FakeArm
) -> None:
    answer = hilctl("doctor", "--task", task, "--seconds", "0.5", "--json")
    told = [one["detail"] for one in answer.json["findings"] if one["subject"] == "robot"]
    assert "answers in" in told[0]
    assert "serl_http: opened, tool at 0.500" in told[1]
    assert arm.calls == []
