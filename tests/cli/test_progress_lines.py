"""Progress is drawn where that is possible, else told in lines; Ctrl-C leaves a whole screen."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pexpect
import pytest

from hilctl.cli.lines import PACE_S, LineProgress
from hilctl.cli.render import Output
from hilctl.pipeline.events import Event

if TYPE_CHECKING:
    from conftest import Hilctl

PATIENCE_S = 30.0
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
STOPPING = "stopping the robot, then saving what there is"
BUSY = """
import sys, time
from hilctl.cli.dashboard import Dashboard
from hilctl.cli.interrupt import interruptible, watch_for_interrupts
from hilctl.cli.live import LiveProgress
from hilctl.cli.render import Output
from hilctl.pipeline.events import Event
watch_for_interrupts()
output = Output()
view = {view}
try:
    with interruptible() as stop, view:
        for number in range(100000):
            view.report(Event("episode", f"episode {{number}} of many words", number, 100000))
            time.sleep(0.01)
            if stop() and {obeys}:
                time.sleep(1)
                break
    stop.leave_if_interrupted()
except KeyboardInterrupt:
    print("left")
"""
VIEWS = ["LiveProgress(output)", "Dashboard(output, 'busy')"]


def counted(number: int, total: int = 1000) -> Event:
    return Event("episode", f"episode {number}", number, total)


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_lines_come_at_a_steady_pace(capsys: pytest.CaptureFixture[str]) -> None:
    begun = time.monotonic()
    with LineProgress(Output(), pace_s=0.2) as lines:
        for number in range(1, 601):
            lines.report(counted(number))
            time.sleep(0.001)
    lines_told, took_s = told(capsys), time.monotonic() - begun
    assert 2 <= len(lines_told) <= took_s / 0.2 + 1
    assert lines_told[-1] == "episode 600"


def test_the_last_of_a_series_is_never_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    with LineProgress(Output(), pace_s=60) as lines:
        for number in (1, 2, 3):
            lines.report(counted(number, total=3))
        assert told(capsys) == ["episode 3"]
        lines.report(Event("stage", "[2/5] labels", 2, 5))
        lines.report(Event("fit", "learning from 300 frames"))
        assert told(capsys) == ["[2/5] labels", "learning from 300 frames"]


def test_what_had_to_wait_is_told_although_nothing_follows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with LineProgress(Output(), pace_s=1.0) as lines:
        lines.report(Event("fit", "learning"))
        lines.report(counted(1))
        assert told(capsys) == ["learning"]
        give_up_s = time.monotonic() + PATIENCE_S
        while not (late := told(capsys)) and time.monotonic() < give_up_s:
            time.sleep(0.1)
        assert late == ["episode 1"]


def test_silence_is_broken_with_what_it_is_at(capsys: pytest.CaptureFixture[str]) -> None:
    with LineProgress(Output(), quiet_s=0.3) as lines:
        lines.report(Event("fit", "learning from 300 frames"))
        time.sleep(1)
    first, *others = told(capsys)
    assert first == "learning from 300 frames"
    assert others
    assert all(re.fullmatch(r"still at work after 0:0\d: learning .*", line) for line in others)


@pytest.fixture
def spawn(here: Path) -> Iterator[Any]:
    """Start Python at a terminal of its own."""
    children = []

    def call(
        *arguments: str, term: str = "xterm-256color", columns: int = 80, echo: bool = False
    ) -> Any:
        child = pexpect.spawn(
            sys.executable,
            list(arguments),
            env={**os.environ, "TERM": term, "COLUMNS": str(columns)},
            encoding="utf-8",
            codec_errors="replace",  # a terminal drops what is not yet read at Ctrl-C
            timeout=60,
            dimensions=(24, columns),
            echo=echo,
        )
        child.logfile_read = Log()
        children.append(child)
        return child

    yield call
    for child in children:
        child.close(force=True)


class Log:
    """Everything that a terminal was sent."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def sent(child: Any) -> str:
    child.expect(pexpect.EOF)
    child.wait()
    return str(child.logfile_read.text)


def is_whole(text: str) -> bool:
    """Return whether the cursor is there in the end, at the beginning of a line."""
    return text.rfind(SHOW) > text.rfind(HIDE) and text.endswith("\r\n")


@pytest.mark.parametrize("columns", [40, 60, 100])
@pytest.mark.parametrize("view", VIEWS)
def test_a_stop_is_told_in_the_view_and_leaves_a_whole_screen(
    view: str, columns: int, spawn: Any
) -> None:
    child = spawn("-c", BUSY.format(view=view, obeys=True), columns=columns)
    child.expect("many words")
    child.sendintr()
    child.expect(r"stopping the\s")
    text = sent(child)
    assert text.endswith("left\r\n")
    assert is_whole(text)


@pytest.mark.parametrize("view", VIEWS)
def test_ctrl_c_writes_nothing_into_a_view(view: str, spawn: Any) -> None:
    child = spawn("-c", BUSY.format(view=view, obeys=True), echo=True)
    child.expect("many words")
    child.sendintr()
    assert "^C" not in sent(child)
    assert child.getecho()


@pytest.mark.parametrize("view", VIEWS)
def test_a_second_ctrl_c_leaves_at_once_and_the_screen_whole(view: str, spawn: Any) -> None:
    child = spawn("-c", BUSY.format(view=view, obeys=False))
    child.expect("many words")
    child.sendintr()
    child.expect(r"stopping the\s")
    child.sendintr()
    text = sent(child)
    assert text.endswith("left\r\n")
    assert is_whole(text)


@pytest.mark.parametrize("view", VIEWS)
def test_a_dumb_terminal_gets_lines_and_nothing_else(view: str, spawn: Any) -> None:
    begun_s = time.monotonic()
    child = spawn("-c", BUSY.format(view=view, obeys=True), term="dumb")
    child.expect("many words")
    time.sleep(1)
    child.sendintr()
    text, took_s = sent(child), time.monotonic() - begun_s
    assert STOPPING in text.replace("\r\n", " ")
    assert "\x1b" not in text
    assert "\r" not in text.replace("\r\n", "")
    assert 3 <= len(text.splitlines()) <= 6 + took_s / PACE_S  # a hundred events in a second


PICTURES = """
import sys, time
import numpy as np
from hilctl.cli.dashboard import Dashboard
from hilctl.cli.render import Output
from hilctl.env.preview import packed
from hilctl.pipeline.events import Event
from hilctl.training.metrics import Progress
progress = Progress(robot_steps=70, phase="checking the greedy policy")
grey = np.full((128, 128, 3), 99, np.uint8)
keys = {f"key {number}": "does much" for number in range(19)}
with Dashboard(Output(), "busy", keys=keys) as view:
    view.report(Event("seen", "", figures={"images": packed({"wrist": grey, "side": grey})}))
    view.report(Event("episode", "", 70, 1000, progress.as_dict()))
    time.sleep(30)
"""


def test_what_training_is_at_is_told_beside_pictures_on_a_low_screen(spawn: Any) -> None:
    child = spawn("-c", PICTURES)
    child.expect("checking the greedy policy")


CALLED = """
import sys, time
from pathlib import Path
from hilctl.cli.live import LiveProgress
from hilctl.cli.render import Output
from hilctl.pipeline.events import Event
flag, number = Path(sys.argv[1]), 0
with LiveProgress(Output()) as view:
    view.report(Event("called", "a success from here on", figures={"success": True}))
    while True:
        if flag.exists():
            flag.unlink()
            view.report(Event("called", "no success from here on", figures={"success": False}))
        number += 1
        view.report(Event("episode", f"episode {number}", number, 10000))
        time.sleep(0.1)
"""


def test_that_what_is_seen_counts_as_success_stays_on_the_screen(spawn: Any, here: Path) -> None:
    flag = here / "no-success"
    child = spawn("-c", CALLED, str(flag))
    for _ in range(3):  # drawn again and again
        child.expect("a success from here on")
    flag.touch()
    while flag.exists():
        time.sleep(0.05)
    drawn = [True]
    while any(drawn[-3:]) and len(drawn) < 100:  # what was drawn before comes first
        child.expect(r"episode \d+")
        drawn.append("a success" in child.before)
    assert not any(drawn[-3:])


def test_a_file_gets_lines_and_nothing_else(here: Path) -> None:
    code = BUSY.format(view=VIEWS[1], obeys=True)
    file = here / "log"
    with file.open("w") as log:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=log)
        while "many words" not in file.read_text():
            time.sleep(0.05)
        process.send_signal(2)
        process.wait(30)
    text = file.read_text()
    assert STOPPING in text
    assert not set("\x1b\r") & set(text)


def test_words_of_a_dumb_terminal_are_not_painted(hilctl: Hilctl, spawn: Any) -> None:
    hilctl("new-task", "peg", "--defaults")
    assert "\x1b[36mnext:" in sent(spawn("-m", "hilctl", "status", "--task", "peg"))
    assert "\x1b" not in sent(spawn("-m", "hilctl", "status", "--task", "peg", term="dumb"))


@pytest.mark.parametrize("columns", [40, 60])
def test_a_table_fits_a_narrow_terminal(hilctl: Hilctl, spawn: Any, columns: int) -> None:
    hilctl("new-task", "peg", "--defaults")
    text = sent(spawn("-m", "hilctl", "status", "--task", "peg", term="dumb", columns=columns))
    assert [line for line in text.splitlines() if len(line) > columns] == []
