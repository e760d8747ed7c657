"""`hilctl calibrate` in a terminal: one question after the other, and never a dead end."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Hilctl

PATIENCE_S = 60.0
ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Person:
    """Somebody at a terminal who waits for words and types answers."""

    def __init__(self, *arguments: str, columns: int = 110) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        bare = {key: value for key, value in os.environ.items() if "DISPLAY" not in key}
        self.child = subprocess.Popen(
            [sys.executable, "-m", "hilctl", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**bare, "TERM": "xterm-256color"},
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""
        self._read_to = 0

    def waits_for(self, words: str) -> None:
        """Read until words come that were not there before."""
        give_up_s = time.monotonic() + PATIENCE_S
        while (at := self.seen.find(words, self._read_to)) < 0:
            assert time.monotonic() < give_up_s, f"waited for {words!r} after:\n{self.seen}"
            if select.select([self._master], [], [], 0.1)[0]:
                try:
                    self.seen += ANSI.sub("", os.read(self._master, 65536).decode(errors="replace"))
                except OSError:  # the other side has closed
                    assert words in self.seen[self._read_to :], self.seen
        self._read_to = at + len(words)

    def answers(self, question: str, keys: str) -> None:
        self.waits_for(question)
        os.write(self._master, keys.encode())

    def interrupts(self) -> None:
        """Press Ctrl-C."""
        self.child.send_signal(signal.SIGINT)

    def leaves(self) -> int:
        """Return the exit code."""
        code = self.child.wait(PATIENCE_S)
        os.close(self._master)
        return code


@pytest.fixture
def task(hilctl: Hilctl, here: Path) -> Path:
    assert hilctl("new-task", "ball", "--template", "sim-reach", "--defaults").code == 0
    return here / "ball"


def known(task: Path, camera: str) -> dict[str, object]:
    record: dict[str, object] = json.loads((task / "calibration" / f"{camera}.json").read_text())
    return record


def test_enter_does_what_learning_needs_and_nothing_else(task: Path) -> None:
    person = Person("calibrate", "--task", "ball")
    person.answers("do it now? yes, no, q [yes]", "\r")
    for camera in ("wrist", "side"):
        person.waits_for(f"crop of camera {camera}")
        person.answers("do it now? yes, no, q [no]", "\r")
    for camera in ("wrist", "side"):
        person.waits_for(f"lens and place of camera {camera}")
        person.answers("do it now? yes, no, q [no]", "\r")
    person.waits_for("reference pictures")
    person.answers("do it now? yes, no, q [yes]", "\r")
    person.waits_for("next: hilctl record-demos")
    assert person.leaves() == 0
    for camera in ("wrist", "side"):
        record = known(task, camera)
        assert record["exposure"]
        assert record["reference"]
        assert record["crop"] is record["intrinsics"] is None
    again = Person("calibrate", "--task", "ball")
    again.answers("do it now? yes, no, q [no]", "q\r")
    again.waits_for("next: hilctl record-demos")
    assert again.leaves() == 0


def test_a_crop_is_chosen_with_keys_between_the_questions(task: Path) -> None:
    person = Person("calibrate", "--task", "ball")
    person.answers("do it now?", "n\r")
    person.answers("crop of camera wrist", "y\r")
    person.waits_for("the policy sees, at 128×128 px")
    person.answers("Enter keeps", "-")
    person.answers("crop 4,4,120,120", "\r")
    person.waits_for("the policy sees of camera wrist: 4,4,120,120")
    person.answers("crop of camera side", "maybe\r")
    person.waits_for("'maybe' is none of yes, no, q")
    person.answers("do it now?", "q\r")
    person.waits_for("next: hilctl calibrate exposure")
    assert person.leaves() == 0
    assert known(task, "wrist")["crop"] == [4, 4, 120, 120]


def test_what_fails_is_explained_and_may_be_tried_again(task: Path) -> None:
    person = Person("calibrate", "--task", "ball")
    for _ in range(3):
        person.answers("do it now?", "n\r")
    person.answers("do it now?", "y\r")
    person.answers("on the tool, or fixed in the world? tool, world [tool]", "\r")
    person.answers("robot, hand [robot]", "\r")
    person.answers("its name, or 'print' to make this one", "charuco:7x5:300mm:220mm\r")
    person.answers("measured, in mm? [300.0]", "30 kg\r")
    person.answers("is no length of a square", "30 cm\r")
    person.waits_for("error: the board is not in view at the reset pose")
    person.waits_for("hint:")
    person.answers("try again? yes, no [no]", "\r")
    person.answers("lens and place of camera side", "q\r")
    assert person.leaves() == 0


def test_a_board_is_printed_and_measured(here: Path) -> None:
    person = Person("calibrate", "board")
    person.waits_for("board.pdf: charuco:7x5:30mm:22mm")
    person.answers("how long is a square on paper, in mm?", "29.7\r")
    person.waits_for("next: hilctl calibrate intrinsics --board charuco:7x5:29.7mm:21.78mm")
    assert person.leaves() == 0
    assert (here / "board.pdf").is_file()


def test_enter_never_makes_a_moved_camera_the_reference(hilctl: Hilctl, task: Path) -> None:
    assert hilctl("calibrate", "drift", "--task", "ball", "--camera", "side").code == 0
    record = known(task, "side")
    person = Person("calibrate", "--task", "ball")
    for _ in range(5):
        person.answers("do it now?", "n\r")
    person.waits_for("reference pictures")
    person.answers("do it now? yes, no, q [yes]", "\r")
    person.waits_for("next:")
    assert person.leaves() == 0
    assert known(task, "wrist")["reference"]
    assert known(task, "side")["reference"] == record["reference"]


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_ctrl_c_while_a_crop_is_chosen_ends_the_command(task: Path, key: str) -> None:
    person = Person("calibrate", "roi", "--camera", "wrist", "--task", "ball")
    person.answers("Enter keeps", key)
    assert person.leaves() == 130
    assert not (task / "calibration").exists()


def test_guidance_is_not_cut_off_in_a_narrow_terminal(task: Path) -> None:
    start = ("calibrate", "hand-eye", "--camera", "wrist", "--mount", "tool", "--freehand")
    person = Person(*start, "--task", "ball", columns=60)
    person.waits_for("pictures 0/25")
    words = "point the tool further"
    person.waits_for(words)
    person.waits_for("base")
    shown = person.seen[person.seen.rindex(words) :]
    assert "…" not in shown
    person.interrupts()
    assert person.leaves() == 130
