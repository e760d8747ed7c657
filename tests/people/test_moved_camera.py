"""A camera that is knocked while things are put back is noticed before the next episode."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from persons import Person, edit

from hilctl import geometry
from hilctl.env.make import open_station
from hilctl.pipeline.between_episodes import between_episodes
from hilctl.pipeline.calibrate.devices import open_devices
from hilctl.pipeline.calibrate.references import take_references
from hilctl.pipeline.events import Event, told_by
from hilctl.robots.base import Robot
from hilctl.robots.sim import SimRobot
from hilctl.task import scaffold
from hilctl.task.workspace import Workspace


def turn(robot: Robot, view: str, shift_px: float) -> None:
    """Turn a camera of the simulator so that its still picture shifts to the right."""
    assert isinstance(robot, SimRobot)
    model = robot.world.model
    camera = model.camera(view).id
    focal_px = 240 / np.tan(np.deg2rad(model.cam_fovy[camera]) / 2)
    quat = model.cam_quat[camera][[1, 2, 3, 0]]
    turned = geometry.quat_multiply(quat, geometry.quat_from_rotvec([0, shift_px / focal_px, 0]))
    model.cam_quat[camera] = turned[[3, 0, 1, 2]]


def test_it_has_to_be_put_back_before_anything_goes_on(tmp_path: Path, person: Person) -> None:
    template = scaffold.find_template("sim-insert")
    scaffold.create(template, tmp_path / "peg", template.answers({}))
    typing = f"{{type: typing, terminal: {person.terminal}}}"
    changes = {"{type: scripted, skill: 0.8}": typing, "by: script": "by: human"}
    space = edit(Workspace(tmp_path / "peg"), changes)
    with open_devices(space.spec, ["wrist", "side"], 0) as (robot, cameras):
        take_references(space, robot, cameras)
    with open_station(space.spec, screen=told_by(person.report)) as station:

        def report(event: Event) -> None:
            if "has moved" in event.text and event.name == "waiting":
                turn(station.robot, "side", -8.0)
            person.report(event)

        station.questions.screen = told_by(report)
        put_back = between_episodes(space, station, report)
        assert put_back()
        turn(station.robot, "side", 8.0)
        assert put_back()
    first, second, third = person.texts("waiting")
    assert "has moved" not in first + second
    assert third.startswith("waiting for you: camera side has moved: its picture by ")
