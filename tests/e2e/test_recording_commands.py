"""The commands one after the other, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from processes import Ask, Start

from hilctl.cli.app import run
from hilctl.data.dataset import Dataset
from hilctl.robots import ROBOTS
from hilctl.sim.rendering import renderer_name
from hilctl.task.workspace import Workspace


def test_the_stages_up_to_the_reward(recorded: Path, ask: Ask) -> None:
    told = json.loads((recorded.parent / "told.json").read_text())
    code, events, talk = told["record-demos"]
    assert (code, events[-1]["demos"]) == (0, 3), talk
    assert talk.splitlines()[-1] == "next: hilctl record-labels"
    code, events, talk = told["record-labels"]
    assert code == 0, talk
    assert events[-1]["success"] >= 20
    assert events[-1]["next"] == "hilctl train-classifier"
    assert "of the workspace" in talk
    code, events, talk = told["train-classifier"]
    assert code == 0, talk
    keys = {"precision", "recall", "false_positive_rate", "accuracy", "threshold", "confusion"}
    assert keys <= set(events[-1])
    assert events[-1]["next"] == "hilctl train"
    assert "taken for success" in talk
    _, events, _ = ask(Workspace(recorded), "status")
    states = {stage["name"]: stage["state"] for stage in events[-1]["stages"]}
    assert [states[name] for name in ("demos", "labels", "classifier")] == ["ready"] * 3


def test_pictures_need_no_environment_variable(start: Start, space: Workspace) -> None:
    code, _, talk = start(space, "record-demos", "-n", "1").finish()
    assert code == 0, talk
    (header,) = Dataset.open(space.demos, expect_fingerprint=None).headers
    assert header.attributes["renderer"] == renderer_name()


def test_a_classifier_needs_labels(ask: Ask, space: Workspace) -> None:
    code, events, _ = ask(space, "train-classifier")
    assert code == 5
    assert events[-1]["error"]["code"] == "missing_stage"
    assert events[-1]["error"]["hint"] == "hilctl record-labels"
    assert not space.classifier.exists()


def test_demonstrations_of_another_task(ask: Ask, space: Workspace) -> None:
    assert ask(space, "record-demos", "-n", "1")[0] == 0
    text = space.task_file.read_text("utf-8")
    space.task_file.write_text(text.replace("rate_hz: 10", "rate_hz: 20"), "utf-8")
    code, events, _ = ask(space, "record-demos", "-n", "2")
    assert code == 7
    assert "control.rate_hz: 20 here, 10 there" in events[-1]["error"]["message"]


@pytest.mark.parametrize("verb", ["record-demos", "record-labels"])
def test_a_real_robot_moves_only_when_allowed(
    verb: str, space: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(ROBOTS._builtin, "arm", "hilctl.robots.sim:SimRobot")
    text = space.task_file.read_text("utf-8")
    space.task_file.write_text(text.replace("robot: {type: sim,", "robot: {type: arm,"), "utf-8")
    monkeypatch.chdir(space.root)
    assert run([verb]) == 2
    assert "--allow-motion" in capsys.readouterr().err
    assert not space.demos.exists()
    assert run([verb, "--allow-motion"]) == 0
