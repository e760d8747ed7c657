"""Data goes to stdout, talk to where it does not disturb, and JSON is always JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hilctl.cli.prompts import confirm
from hilctl.cli.render import Output
from hilctl.errors import UsageError


def test_people_see_talk_and_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()
    output.say("hello")
    output.event({"step": 1})
    output.result({"ok": True})
    output.next("hilctl train")
    assert capsys.readouterr().out == "hello\nnext: hilctl train\n"


def test_programs_see_json_lines_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=True)
    output.say("hello")
    output.event({"step": 1})
    output.result({"rate": float("nan"), "count": np.int64(3), "at": Path("a"), "ci": (0.5, 1)})
    out, err = capsys.readouterr()
    assert [json.loads(line) for line in out.splitlines()] == [
        {"step": 1},
        {"rate": None, "count": 3, "at": "a", "ci": [0.5, 1]},
    ]
    assert err == "hello\n"


class Terminal:
    """A stream that a person sees."""

    text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    made = Terminal()
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("sys.stdout", made)
    return made


def test_colours_only_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = in_a_terminal(monkeypatch)
    Output().next("x")
    assert terminal.text == "\x1b[36mnext:\x1b[0m x\n"
    terminal.text = ""
    monkeypatch.setenv("NO_COLOR", "1")
    Output().next("x")
    assert terminal.text == "next: x\n"


def test_table_lines_up(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(("a", "bb", "c"), [("long", "x", "word " * 60), ("s", "y", "")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "a     bb  c"
    assert lines[1].startswith("long  x   word word")
    assert lines[2] == "s     y"


def test_a_narrow_terminal_breaks_no_word_of_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = in_a_terminal(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(Output, "columns", 40)
    Output().table(
        ("stage", "what it is about", "why"),
        [("demonstrations", "ready", "twenty of twenty"), ("labels", "", "none, so record some")],
    )
    assert terminal.text.splitlines() == [
        "stage             demonstrations",
        "what it is about  ready",
        "why               twenty of twenty",
        "",
        "stage             labels",
        "what it is about",
        "why               none, so record some",
    ]


def test_nobody_can_confirm(monkeypatch: pytest.MonkeyPatch) -> None:
    assert confirm(Output(), "Delete?", yes=True)
    with pytest.raises(UsageError) as caught:
        confirm(Output(as_json=True), "Delete?", yes=False)
    assert caught.value.hint == "answer with --yes"
