"""What a person is told before an episode that they drive or watch."""

from __future__ import annotations

from pathlib import Path

from persons import Person, small_task

from hilctl.devices import Rig
from hilctl.pipeline.record.label_sources import ALIKE, RANDOM, SHOWN, SWEEP
from hilctl.pipeline.record.label_words import called_now
from hilctl.pipeline.record.labels import record_labels
from hilctl.teleop import TELEOPS
from hilctl.teleop.base import TeleopEvent
from hilctl.teleop.keyboard import KeyboardOptions, KeyboardTeleop

FEW_LABELS = {"consecutive: 2 ": "success_frames: 20\n  failure_frames: 100\n  consecutive: 2 "}


def test_labels_are_asked_for_with_how_many_are_lacking(tmp_path: Path, person: Person) -> None:
    space = small_task(tmp_path / "labels", person, FEW_LABELS)

    def asked() -> list[str]:
        return [text for text in person.texts("waiting") if "mistaken" in text]

    record_labels(space, report=person.report, stop=lambda: bool(asked()))
    (text,) = asked()
    assert "could be mistaken for success" in text
    assert "(20 more frames)" in text  # a fifth of the failures
    assert "begins when you move" in text


def test_a_success_is_held_or_switched_as_the_hand_can() -> None:
    keyboard = KeyboardTeleop(KeyboardOptions(), Rig())
    told = SHOWN.asked_of(keyboard)
    assert told.endswith(": press Enter when it is a success, b when it no longer is")
    for source in (RANDOM, SWEEP):
        assert "press Enter" in source.asked_of(keyboard)
    assert "Enter" not in ALIKE.asked_of(keyboard)
    assert called_now(keyboard, 0) == "no success from here on"
    assert called_now(keyboard, 1) == "a success from here on, until b is pressed"
    spacemouse = TELEOPS.get("spacemouse")
    told = SHOWN.asked_of(spacemouse(spacemouse.OptionsType(), Rig()))
    assert ": hold " in told


def test_stages_are_called_one_after_the_other_with_any_hand() -> None:
    spacemouse = TELEOPS.get("spacemouse")
    for teleop in (
        KeyboardTeleop(KeyboardOptions(), Rig()),
        spacemouse(spacemouse.OptionsType(), Rig()),
    ):
        teleop.call_stages(["grasped", "placed"])
        key = teleop.keys.get(TeleopEvent.SUCCESS, "the button of success")
        for source in (ALIKE, SHOWN):
            told = source.asked_of(teleop)
            assert f"press {key} when a stage is reached (grasped, then placed)" in told
        until = f"from here on, until {teleop.keys.get(TeleopEvent.VETO, 'the button')} is pressed"
        assert called_now(teleop, 1) == f"grasped {until}"
        assert called_now(teleop, 2) == f"placed {until}"
        teleop.call_stages(["grasped"])
        assert "grasped is reached" in SHOWN.asked_of(teleop)
