"""A person at a real terminal: their arm is the scripted operator's, what they say is typed."""

from __future__ import annotations

import os
import pty
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from persons import Person, small_task

from hilctl.task.workspace import Workspace

EYES = Path(__file__).parents[1] / "eyes"  # an encoder that takes no time
DRIVER = '''
import os, select, termios, tty
from typing import ClassVar

from hilctl.devices import Options
from hilctl.teleop.base import Teleop, TeleopEvent, TeleopInput
from hilctl.teleop.scripted import ScriptedOptions, ScriptedTeleop

KEYS = {
    TeleopEvent.SUCCESS: "s", TeleopEvent.FAILURE: "f", TeleopEvent.VETO: "v",
    TeleopEvent.DISCARD: "d", TeleopEvent.RERECORD: "r", TeleopEvent.PAUSE: "p",
    TeleopEvent.READY: "g", TeleopEvent.QUIT: "q",
}
EVENTS = {key.encode(): event for event, key in KEYS.items()}


class TypingOptions(ScriptedOptions):
    terminal: str = "/dev/tty"
    hasty: bool = False  # says success before anything has moved
    calls: bool = True  # says success when it is done


class Typing(ScriptedTeleop):
    """Scripted in what it does, typed in what it says."""

    OptionsType: ClassVar[type[Options]] = TypingOptions
    operator: ClassVar[str] = "typist"
    in_real_time: ClassVar[bool] = True
    keys = KEYS
    review = Teleop.review

    def open(self):
        super().open()
        self._fd = os.open(self.options.terminal, os.O_RDWR | os.O_NOCTTY)
        self._before = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd)

    def close(self):
        if getattr(self, "_fd", None) is not None:
            termios.tcsetattr(self._fd, termios.TCSANOW, self._before)
            os.close(self._fd)
            self._fd = None

    def poll(self):
        if self.options.hasty:
            return TeleopInput(events=(TeleopEvent.SUCCESS, *self._typed()))
        hand = super().poll()
        called = hand.events if self.options.calls else ()
        return TeleopInput(hand.twist, engaged=hand.engaged, events=(*called, *self._typed()))

    def _typed(self):
        if not select.select([self._fd], [], [], 0)[0]:
            return ()
        return tuple(EVENTS[bytes([b])] for b in os.read(self._fd, 100) if bytes([b]) in EVENTS)
'''


@pytest.fixture(autouse=True)
def typing_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install driver and encoder as other packages do, here and in processes started from here."""
    site = tmp_path / "site"
    about = site / "typing_hand-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "typing_hand.py").write_text(DRIVER)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: typing_hand\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[hilctl.teleops]\ntyping = typing_hand:Typing\n")
    path = [str(site), str(EYES), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    for folder in (site, EYES):
        monkeypatch.syspath_prepend(folder)


@pytest.fixture
def person() -> Iterator[Person]:
    """Whoever types at a pseudo-terminal."""
    ours, theirs = pty.openpty()
    tty.setraw(ours)
    yield Person(ours, os.ttyname(theirs))
    os.close(ours)
    os.close(theirs)


@pytest.fixture
def space(tmp_path: Path, person: Person) -> Workspace:
    """The reaching task, where a person puts things back."""
    return small_task(tmp_path / "task", person)
