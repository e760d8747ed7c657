"""Trying a hand: every poll is told, and the robot moves only when that was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_task import edit, make_task, two_arms

from hilctl.devices import Options
from hilctl.errors import DeviceError, UsageError
from hilctl.pipeline.events import Event
from hilctl.pipeline.teleop.try_hand import AXES, HandTrial, in_words, try_hand
from hilctl.robots.sim import SimRobot
from hilctl.task.sections import PluginSpec
from hilctl.task.workspace import Workspace
from hilctl.teleop.base import TeleopEvent, TeleopInput, TeleopStatus
from hilctl.teleop.human import HumanOptions
from hilctl.teleop.scripted import ScriptedTeleop


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return make_task(tmp_path / "task")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the robot, in order."""
    made: list[str] = []
    for name in ("servo", "move_to", "stop", "open", "close"):
        original = getattr(SimRobot, name)

        def spy(self: Any, *given: Any, name: str = name, original: Any = original, **named: Any):  # type: ignore[no-untyped-def]
            made.append(name)
            return original(self, *given, **named)

        monkeypatch.setattr(SimRobot, name, spy)
    return made


def says(monkeypatch: pytest.MonkeyPatch, *inputs: TeleopInput) -> None:
    """Let the hand say these, then the last of them on and on."""
    left = list(inputs)

    def poll(self: ScriptedTeleop) -> TeleopInput:
        return left.pop(0) if len(left) > 1 else left[0]

    monkeypatch.setattr(ScriptedTeleop, "poll", poll)


def tried(space: Workspace, polls: int = 4, **how: Any) -> tuple[HandTrial, list[Event]]:
    """Try it for so many polls, however long they take on a busy computer."""
    events: list[Event] = []

    def enough() -> bool:
        return sum(event.name == "hand" for event in events) >= polls

    return try_hand(space, report=events.append, stop=enough, **how), events


def test_a_robot_that_shall_be_still_is_not_moved(space: Workspace, calls: list[str]) -> None:
    trial, _ = tried(space)
    assert trial.polls > 1
    assert {*calls} == {"open", "close"}


def test_a_robot_that_shall_follow_does_and_stands_in_the_end(
    space: Workspace, calls: list[str]
) -> None:
    trial, _ = tried(space, move=True)
    assert calls.count("servo") == trial.polls
    assert calls[-2:] == ["stop", "close"]


def test_it_is_polled_at_the_control_rate_and_for_as_long_as_asked(space: Workspace) -> None:
    def is_in_time(*, move: bool) -> bool:
        trial, events = tried(space, 100, move=move, seconds=1.0)
        assert sum(event.name == "hand" for event in events) == trial.polls
        assert trial.seconds >= 1.0
        assert trial.polls < 15
        return trial.seconds < 1.3 and trial.polls > 8

    for move in (False, True):  # a busy computer may be late, but not each time
        assert any(is_in_time(move=move) for _ in range(5))


def test_a_stop_ends_it(space: Workspace) -> None:
    asked = iter(range(100))
    trial = try_hand(space, stop=lambda: next(asked) > 3)
    assert trial.polls < 6


def test_every_axis_and_the_gripper_are_told(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    twist = np.array([0.5, -1.0, 0.0, 0.0, 0.25, 0.0])
    at_rest = TeleopInput(engaged=True)  # in charge, and not moved
    says(monkeypatch, TeleopInput(twist, gripper=-1, engaged=True), at_rest, TeleopInput())
    trial, events = tried(space)
    assert trial.farthest.tolist() == np.abs(twist).tolist()
    assert (trial.engaged_polls, trial.moved_polls, trial.gripper) == (2, 1, 1)
    first = next(event for event in events if event.name == "hand")
    assert first.figures["twist"] == twist.tolist()
    assert first.text == "hand: x +0.50 y -1.00 ry +0.25 gripper closes"
    assert in_words(TeleopInput()) == "hand: at rest, not engaged"
    told = [event.figures["engaged"] for event in events if event.name == "engaged"]
    assert told == [True, False]


def test_what_is_said_on_and_on_is_told_once(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    success, veto = TeleopEvent.SUCCESS, TeleopEvent.VETO
    pressed = [(success,), (success,), (), (success, veto), (veto,), ()]
    says(monkeypatch, *(TeleopInput(events=events) for events in pressed))
    trial, events = tried(space, len(pressed) + 2)
    assert trial.said == {"success": 2, "veto": 1}
    said = [event.figures["said"] for event in events if event.name == "said"]
    assert said == ["success", "success", "veto"]


def test_what_the_driver_says_of_itself_is_told(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ages = iter([0.01, 0.3, *([0.02] * 100)])
    monkeypatch.setattr(
        ScriptedTeleop, "status", lambda self: TeleopStatus("Mouse", next(ages), 0.05, "asleep")
    )
    trial, events = tried(space)
    assert trial.oldest_s == 0.3
    hand = next(event for event in events if event.name == "hand")
    about = {key: hand.figures[key] for key in ("device", "age_s", "dead_band", "remark")}
    assert about == {"device": "Mouse", "age_s": 0.01, "dead_band": 0.05, "remark": "asleep"}
    assert trial.as_dict()["device"] == "Mouse"


def test_a_driver_need_not_say_anything(space: Workspace) -> None:
    trial, _ = tried(space)
    assert trial.as_dict()["oldest_input_s"] is None
    assert set(trial.as_dict()["farthest"]) == set(AXES)


HAND = """
import numpy as np
from hilctl.robots.base import Robot
from hilctl.teleop.base import Teleop, TeleopInput
from hilctl.teleop.human import HandReading, HumanTeleop

class Knob(Teleop):
    def open(self): ...
    def close(self): ...
    def poll(self): return TeleopInput(engaged=True)

class Wheel(HumanTeleop):
    polls = 0
    def open(self): ...
    def close(self): ...
    def forget(self): ...
    def read(self):
        self.polls += 1
        return HandReading(np.full(6, float(self.polls > 2)))

class Arm(Robot):
    def open(self): raise OSError(113, "No route to host")
    def close(self): ...
    def state(self): ...
    def servo(self, command): ...
    def move_to(self, tcp_pose, *, speed): ...
    def stop(self): ...
"""


def with_devices_of_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a package of hands and a robot where entry points are looked for."""
    (folder / "knobs.py").write_text(HAND)
    about = folder / "knobs-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Name: knobs\nVersion: 1.0\n")
    hands = "knob = knobs:Knob\nwheel = knobs:Wheel\n"
    entries = f"[hilctl.teleops]\n{hands}[hilctl.robots]\nfar = knobs:Arm\n"
    (about / "entry_points.txt").write_text(entries)
    monkeypatch.syspath_prepend(folder)


def test_a_hand_that_nobody_touches_is_not_said_to_drive(
    space: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_devices_of_others(tmp_path, monkeypatch)
    wheel = PluginSpec(type="wheel", options=HumanOptions())
    _, events = tried(Workspace(space.root, spec=space.spec.model_copy(update={"teleop": wheel})))
    engaged = [event.figures["engaged"] for event in events if event.name == "hand"]
    assert engaged[:4] == [False, False, True, True]


def test_a_real_robot_is_left_alone_unless_it_shall_follow(
    space: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_devices_of_others(tmp_path, monkeypatch)
    far = {
        "teleop": PluginSpec(type="knob", options=Options()),
        "robot": PluginSpec(type="far", options=Options()),
    }
    away = Workspace(space.root, spec=space.spec.model_copy(update=far))
    assert tried(away)[0].engaged_polls > 1
    with pytest.raises(DeviceError, match="No route to host"):
        tried(away, move=True)


def test_a_robot_that_follows_stays_within_its_bounds(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = TeleopInput(np.array([0.0, 0.0, 1.0, 0.0, 0.0, 0.0]), engaged=True)
    says(monkeypatch, down)
    low_m = space.spec.control.bounds.low[2]
    heights_m: list[float] = []
    servo = SimRobot.servo

    def spy(self: SimRobot, command: Any) -> Any:
        heights_m.append(command.tcp_pose[2])
        return servo(self, command)

    monkeypatch.setattr(SimRobot, "servo", spy)
    faster = edit(space, {"rate_hz: 10": "rate_hz: 20"})
    tried(faster, 40, move=True)
    assert min(heights_m) >= low_m - 1e-6


def test_of_several_arms_the_hand_that_is_meant_is_shown_and_every_arm_follows_its_own(
    tmp_path: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    space = two_arms(tmp_path / "both")
    with pytest.raises(UsageError, match="several arms") as caught:
        tried(space)
    assert caught.value.hint == "--arm left or --arm right"
    with pytest.raises(UsageError, match="no arm 'middle'"):
        tried(space, arm="middle")

    def poll(self: ScriptedTeleop) -> TeleopInput:
        return TeleopInput(np.full(6, 0.5 if self.arm == "right" else 0.25), engaged=True)

    monkeypatch.setattr(ScriptedTeleop, "poll", poll)
    for move in (False, True):
        calls.clear()
        trial, _ = tried(space, arm="right", move=move)
        assert trial.farthest.tolist() == [0.5] * 6
        assert calls.count("servo") == (2 * trial.polls if move else 0)
