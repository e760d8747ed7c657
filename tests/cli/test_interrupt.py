"""Ctrl-C at any moment: never lost, and never in the middle of what cannot bear it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from hilctl.cli.interrupt import interruptible

HEAD = """
import os, signal, sys, time, weakref
from hilctl.cli.interrupt import interruptible, watch_for_interrupts
def press(): os.kill(os.getpid(), signal.SIGINT)
watch_for_interrupts()
"""
IN_AN_IMPORT = """
sys.path.insert(0, {folder!r})
try:
    import module
    time.sleep(10)
except KeyboardInterrupt:
    print("interrupted, module", module.state)
"""
IN_A_CALLBACK = """
class Thing: pass
thing = Thing()
watch = weakref.ref(thing, lambda _: press())
try:
    del thing
    time.sleep(10)
except KeyboardInterrupt:
    print("interrupted")
"""
TWICE = """
try:
    with interruptible() as stop:
        press()
        print(stop())
        press()
        time.sleep(10)
except KeyboardInterrupt:
    print("interrupted")
"""

LAST_WORDS = """
from hilctl.cli import app
from hilctl.cli.render import Output
def working(arguments):
    raise KeyboardInterrupt
def telling(self, step, say=Output.next):
    for _ in range({again}):
        press()
    say(self, step)
app._invoke, Output.next, sys.stderr = working, telling, sys.stdout
try:
    print("code", app.run(["status"]))
except KeyboardInterrupt:
    print("left at once")
"""


def output(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", HEAD + code], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_an_import_is_finished_first(tmp_path: Path) -> None:
    module = "import os, signal, time\nstate = 'begun'\nos.kill(os.getpid(), signal.SIGINT)\n"
    (tmp_path / "module.py").write_text(module + "time.sleep(0.2)\nstate = 'complete'\n")
    assert output(IN_AN_IMPORT.format(folder=str(tmp_path))) == "interrupted, module complete\n"


def test_one_that_falls_into_a_callback_comes_again() -> None:
    assert output(IN_A_CALLBACK) == "interrupted\n"


def test_the_first_asks_and_the_second_leaves() -> None:
    assert output(TWICE) == "True\ninterrupted\n"


def test_another_while_it_is_told_what_comes_next_takes_no_word_away() -> None:
    told = output(LAST_WORDS.format(again=1)).splitlines()
    assert told == ["interrupted", "next: hilctl status", "code 130"]


def test_two_more_leave_at_once() -> None:
    told = output(LAST_WORDS.format(again=2)).splitlines()
    assert told == ["interrupted", "left at once"]


def test_signals_are_as_before_once_a_command_is_over() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruptible():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
