"""What a person is told before an episode that they drive or watch."""

from __future__ import annotations

from pathlib import Path

from persons import Person, small_task

from hilctl.devices import Rig
from hilctl.pipeline.record.label_sources import ALIKE, RANDOM, SHOWN, SWEEP
from hilctl.pipeline.record.labels import record_labels
from hilctl.teleop import TELEOPS
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
    assert told == "show success: press Enter when it is a success, once more when it is none"
    for source in (RANDOM, SWEEP):
        assert "press Enter" in source.asked_of(keyboard)
    assert "Enter" not in ALIKE.asked_of(keyboard)
    spacemouse = TELEOPS.get("spacemouse")
    told = SHOWN.asked_of(spacemouse(spacemouse.OptionsType(), Rig()))
    assert told.startswith("show success: hold ")
