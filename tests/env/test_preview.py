"""What a person at the controls is shown of the cameras."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest
from rich.console import Console
from still_env import PERIOD_NS, StillEnv

from hilctl.cli.preview import Preview
from hilctl.env.base import AT_THE_START
from hilctl.env.make import open_station
from hilctl.env.preview import ShowFrames, packed, unpacked
from hilctl.pipeline.events import Event
from hilctl.task import scaffold
from hilctl.task.spec import TaskSpec
from hilctl.task.workspace import Workspace


def spec_of(folder: Path, **answers: str) -> TaskSpec:
    template = scaffold.find_template("sim-reach")
    scaffold.create(template, folder, template.answers(answers))
    return Workspace(folder).spec


class LateEnv(StillEnv):
    """Steps that keep to absolute deadlines, each so much late."""

    def __init__(self, late_s: list[float]) -> None:
        super().__init__(len(late_s))
        begin_ns = self.clock.now_ns()
        self._at_ns = [
            begin_ns + step * PERIOD_NS + round(late * 1e9) for step, late in enumerate(late_s, 1)
        ]

    def step(self, action: np.ndarray) -> Any:
        stamp_ns = self._at_ns.pop(0)
        result = super().step(action)
        self.clock.stamp_ns = stamp_ns
        return result


def seen(spec: TaskSpec, steps: int = 6) -> list[Mapping[str, Any]]:
    """Return what is shown while an episode of that many steps runs."""
    shown: list[Mapping[str, Any]] = []

    def screen(name: str, text: str, figures: Mapping[str, Any]) -> None:
        if name == "seen":
            shown.append(figures)

    with open_station(spec, screen=screen) as station:
        station.env.reset()
        for _ in range(steps):
            station.env.step(np.zeros(6))
    return shown


def keyboard(spec: TaskSpec, view_hz: float) -> TaskSpec:
    """Return the task under a hand on a terminal of its own."""
    _, terminal = os.openpty()
    options = spec.teleop.options.model_copy(update={"terminal": os.ttyname(terminal)})
    return spec.model_copy(
        update={
            "teleop": spec.teleop.model_copy(update={"options": options}),
            "operator": spec.operator.model_copy(update={"view_hz": view_hz}),
        }
    )


def test_a_person_sees_every_camera_as_often_as_the_task_says(tmp_path: Path) -> None:
    spec = spec_of(tmp_path / "ball", teleop="keyboard")
    every = seen(keyboard(spec, 10))
    assert len(every) > 1
    pictures = unpacked(every[-1]["images"])
    assert {name: image.shape for name, image in pictures.items()} == {
        "wrist": (128, 128, 3),
        "side": (128, 128, 3),
    }
    assert seen(keyboard(spec, 0)) == []


@pytest.mark.parametrize(
    ("late_s", "rate_hz", "shown"),
    [
        ([0.0] * 6, 10, 7),  # where it begins, and after each step
        ([0.0, 0.06, 0.0, 0.09, 0.01, 0.0], 10, 7),  # a late one takes nothing from the next
        ([0.0] * 6, 2, 2),
        ([0.0] * 10, 3, 4),
    ],
)
def test_pictures_keep_their_pace(late_s: list[float], rate_hz: float, shown: int) -> None:
    pictures: list[Mapping[str, Any]] = []
    bare = LateEnv(late_s)
    env = ShowFrames(bare, lambda name, text, figures: pictures.append(figures), rate_hz)
    env.reset()
    for _ in late_s:
        env.step(np.zeros(6))
    assert len(pictures) == shown


def test_whoever_is_waited_for_sees_where_the_episode_begins(tmp_path: Path) -> None:
    happened: list[str] = []
    with open_station(spec_of(tmp_path / "ball")) as station:
        env = ShowFrames(station.env, lambda name, text, figures: happened.append(name), 10.0)
        env.reset(options={AT_THE_START: lambda: happened.append("waited for")})
    assert happened == ["seen", "waited for", "seen"]


def test_nobody_is_shown_what_a_scripted_operator_does(tmp_path: Path) -> None:
    assert seen(spec_of(tmp_path / "ball")) == []


def test_pictures_survive_the_way_to_the_screen() -> None:
    smooth = cv2.resize(np.random.default_rng(0).integers(0, 255, (4, 4, 3), np.uint8), (64, 48))
    image = np.asarray(smooth, np.uint8)
    (back,) = unpacked(packed({"side": image})).values()
    assert back.shape == image.shape
    assert np.abs(back.astype(int) - image).mean() < 6


def test_pictures_are_drawn_only_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    preview = Preview()
    images = packed({"side": np.zeros((8, 8, 3), np.uint8)})
    assert preview.beside("view", 8) == "view"
    assert preview.takes(Event("seen", "", figures={"images": images}))
    assert not preview.takes(Event("episode", ""))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "40")
    assert preview.beside("view", 8) != "view"
    monkeypatch.setenv("LINES", "12")
    assert preview.beside("view", 8) == "view"


@pytest.mark.parametrize(("columns", "lines", "says"), [(80, 24, True), (160, 50, False)])
def test_small_pictures_say_what_makes_them_larger(
    columns: int, lines: int, says: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", str(lines))
    preview = Preview()
    image = np.zeros((128, 128, 3), np.uint8)
    images = packed({"wrist": image, "side": image})
    preview.takes(Event("seen", "", figures={"images": images}))
    console = Console(width=columns, file=io.StringIO())
    console.print(preview.beside("view", 8))
    shown = cast(io.StringIO, console.file).getvalue()
    assert "wrist" in shown
    assert ("side, larger in a larger terminal" in shown) == says
