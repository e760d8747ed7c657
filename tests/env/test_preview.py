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

from hilctl.cli.preview import Preview
from hilctl.env.make import open_station
from hilctl.env.preview import packed, unpacked
from hilctl.pipeline.events import Event
from hilctl.task import scaffold
from hilctl.task.spec import TaskSpec
from hilctl.task.workspace import Workspace


def spec_of(folder: Path, **answers: str) -> TaskSpec:
    template = scaffold.find_template("sim-reach")
    scaffold.create(template, folder, template.answers(answers))
    return Workspace(folder).spec


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
    assert len(every) == 7  # where it begins, and after each step at 10 Hz
    pictures = unpacked(every[-1]["images"])
    assert {name: image.shape for name, image in pictures.items()} == {
        "wrist": (128, 128, 3),
        "side": (128, 128, 3),
    }
    assert len(seen(keyboard(spec, 2))) in (2, 3)
    assert seen(keyboard(spec, 0)) == []


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
