"""`hilctl demos`, `runs`, `replay`, `run` and `teleop` where nobody watches: words, JSON, codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from episode_files import make_run, make_task, write_demo

from hilctl.task import scaffold
from hilctl.task.workspace import Workspace

if TYPE_CHECKING:
    from conftest import Hilctl

A, B = "20260101-100000", "20260102-110000"


@pytest.fixture
def space(here: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    made = make_task(here / "task")
    for steps in (4, 5, 6):
        write_demo(made, steps=steps)
    monkeypatch.chdir(made.root)
    return Workspace(Path())


def test_demonstrations_are_listed(hilctl: Hilctl, space: Workspace) -> None:
    answer = hilctl("demos")
    assert answer.code == 0
    assert [line.split()[0] for line in answer.out.splitlines()] == [
        "number",
        "1",
        "2",
        "3",
        "next:",
    ]
    assert hilctl("demos", "list") == answer
    listed = hilctl("demos", "list", "--json")
    assert [demo["steps"] for demo in listed.json["demos"]] == [4, 5, 6]
    assert listed.json["next"].startswith("hilctl ")


def test_damaged_demonstrations_are_named_with_the_way_out(
    hilctl: Hilctl, space: Workspace
) -> None:
    (space.demos / "episode_000002.hdf5").write_bytes(b"no")
    answer = hilctl("demos")
    assert answer.code == 0
    assert "damaged: this is not an HDF5 file" in answer.out
    assert "hint: hilctl demos rm 2 puts aside what cannot be used" in answer.out
    assert hilctl("demos", "rm", "2", "--yes").code == 0
    assert "damaged" not in hilctl("demos").out


def test_removing_says_how_to_get_it_back(hilctl: Hilctl, space: Workspace) -> None:
    answer = hilctl("demos", "rm", "1", "3", "--yes", "--json")
    assert answer.code == 0
    assert answer.json["restore"] == "hilctl demos restore 1 3"
    assert answer.json["next"] == "hilctl record-demos"  # as `hilctl status` says
    assert "put aside, by number: 1, 3" in hilctl("demos").out
    assert hilctl("demos", "restore", "1", "3").code == 0
    assert len(hilctl("demos", "--json").json["demos"]) == 3


def test_nobody_is_there_to_be_asked(hilctl: Hilctl, space: Workspace) -> None:
    answer = hilctl("demos", "rm", "1")
    assert answer.code == 2
    assert "--yes" in answer.err
    assert hilctl("demos", "rm", "9", "--yes").err.splitlines()[-1] == "hint: there are: 1, 2, 3"
    assert hilctl("demos", "--json", "list").code == 2


def test_while_another_command_is_at_work_nothing_is_moved(
    hilctl: Hilctl, space: Workspace
) -> None:
    with space.lock("train"):
        answer = hilctl("demos", "rm", "1", "--yes")
    assert answer.code == 2
    assert "writes to this folder" in answer.err
    assert len(hilctl("demos", "--json").json["demos"]) == 3


def test_runs_are_listed_and_compared(hilctl: Hilctl, space: Workspace) -> None:
    assert "there is no training run" in hilctl("runs").out
    make_run(space, A)
    make_run(space, B)
    answer = hilctl("runs")
    assert answer.code == 0
    assert [line.split()[0] for line in answer.out.splitlines()] == ["run", A, B, "next:"]
    assert f"next: hilctl runs {A} {B}" in answer.out
    both = hilctl("runs", A, B)
    assert "their task files say the same" in both.out
    assert f"next: hilctl report {B}" in both.out
    assert hilctl("runs", B).code == 0
    assert hilctl("runs", A, B, A).code == 2
    assert hilctl("runs", "nowhere").code == 5


def test_what_two_task_files_say_differently_is_told(hilctl: Hilctl, space: Workspace) -> None:
    make_run(space, A)
    text = space.task_file.read_text("utf-8").replace("updates_per_step: 4", "updates_per_step: 1")
    space.task_file.write_text(text, "utf-8")
    make_run(Workspace(Path()), B)
    answer = hilctl("runs", A, B, "--json")
    assert answer.json["task_differs"] == {"training.updates_per_step": ["4", "1"]}
    assert "training.updates_per_step" in hilctl("runs", A, B).out


def test_a_damaged_run_does_not_hide_the_others(hilctl: Hilctl, space: Workspace) -> None:
    for name in (A, B):
        make_run(space, name)
    (space.run(A) / "manifest.json").write_bytes(b"\xff")
    answer = hilctl("runs")
    assert answer.code == 0
    assert f"mind: run {A}: manifest.json is damaged" in answer.out
    assert [run["status"] for run in hilctl("runs", "--json").json["runs"]] == [
        "damaged",
        "interrupted",
    ]


def test_without_a_terminal_a_film_is_told(hilctl: Hilctl, space: Workspace) -> None:
    answer = hilctl("replay", "2")
    assert answer.code == 0
    assert "demo, success, 5 steps in 0.5 s" in answer.out
    assert "--video" in answer.out
    assert hilctl("replay", "2", "--json").json["steps"] == 5


def test_nothing_is_to_be_replayed_on_a_robot_where_there_is_none(
    hilctl: Hilctl, space: Workspace, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = str(here / "two.mp4")
    assert hilctl("replay", "2", "--video", film, "--json").json["next"].endswith("--on-robot")
    disc = scaffold.make("gymnasium", here / "disc")
    shutil.copytree(space.demos, disc.demos)
    monkeypatch.chdir(disc.root)
    assert hilctl("replay", "2", "--video", film, "--json").json["next"] == "hilctl demos"


def test_a_film_is_written(hilctl: Hilctl, space: Workspace, here: Path) -> None:
    answer = hilctl("replay", "2", "--video", str(here / "two.mp4"), "--json")
    assert answer.code == 0
    assert (here / "two.mp4").stat().st_size > 1000
    assert hilctl("replay", "2", "--video", "two.avi").code == 2
    assert hilctl("replay", "2", "--video", "x.mp4", "--on-robot").code == 2
    assert hilctl("replay", "9").code == 2
    (space.demos / "episode_000002.hdf5").write_bytes(b"no")
    assert hilctl("replay", "2").code == 7


def test_a_robot_does_it_again(hilctl: Hilctl, space: Workspace) -> None:
    answer = hilctl("replay", "2", "--on-robot", "--json")
    assert answer.code == 0, answer.err
    assert (answer.json["steps"], answer.json["complete"]) == (5, True)
    assert "mm at worst" in answer.err


def test_a_hand_is_told_in_lines(hilctl: Hilctl, space: Workspace) -> None:
    answer = hilctl("teleop", "-s", "0.5")
    assert answer.code == 0
    first, *_ = answer.out.splitlines()
    assert first == "a hand is on it"
    assert "polls in" in answer.out
    assert answer.out.splitlines()[-1] == "next: hilctl teleop --move"
    lines = [json.loads(line) for line in hilctl("teleop", "-s", "0.5", "--json").out.splitlines()]
    assert {line.get("event") for line in lines[:-1]} == {"engaged", "hand"}
    assert lines[-1]["polls"] == sum(line.get("event") == "hand" for line in lines)


@pytest.mark.parametrize("arguments", [["teleop", "--move"], ["replay", "1", "--on-robot"]])
def test_a_real_robot_moves_only_when_it_may(
    hilctl: Hilctl,
    space: Workspace,
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "arms.py").write_text("from hilctl.robots.sim import SimRobot as Arm\n")
    about = tmp_path / "arms-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Name: arms\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[hilctl.robots]\narm = arms:Arm\n")
    monkeypatch.syspath_prepend(tmp_path)
    text = space.task_file.read_text("utf-8").replace("robot: {type: sim", "robot: {type: arm")
    space.task_file.write_text(text, "utf-8")
    write_demo(Workspace(Path()), steps=4, folder=space.root / "mine")
    demo = str(space.root / "mine" / "episode_000001.hdf5")
    arguments = [demo if word == "1" else word for word in arguments]
    answer = hilctl(*arguments)
    assert answer.code == 2, answer.err
    assert "--allow-motion" in answer.err


def test_without_a_policy_there_is_nothing_to_run(hilctl: Hilctl, space: Workspace) -> None:
    answer = hilctl("run", "-n", "1")
    assert answer.code == 5
    assert "no policy has been trained" in answer.err
    assert hilctl("run", "--run", "nowhere").code == 5
    assert "best policy" in hilctl("run", "--best").err
