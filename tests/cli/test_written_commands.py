"""Every command that a README tells to type is one that `hilctl` has, with those options."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from hilctl.cli.app import app

REPOSITORY = Path(__file__).resolve().parents[2]
TEXTS = [REPOSITORY / "README.md", *sorted(REPOSITORY.glob("task_templates/*/README.md.j2"))]


def commands(text: str) -> list[str]:
    """Return what is to be typed: lines of shell blocks, and words in backticks."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [piece for block in blocks for piece in re.split(r"\n|&&", block)]
    typed = [line.strip() for line in lines] + re.findall(r"`(hilctl [^`]+)`", text)
    return [one for one in typed if one.startswith("hilctl ")]


def understood(command: str) -> str:
    """Return why a command line cannot be typed; nothing if it can."""
    words = shlex.split(command, comments=True)[1:]
    if words[0].startswith("-"):
        return ""  # of the shell: it would be done here
    group: Any = typer.main.get_command(app)
    try:
        name, found, rest = group.resolve_command(group.make_context("hilctl", words), words)
        while hasattr(found, "resolve_command") and rest:
            context = found.make_context(name, list(rest))
            name, found, rest = found.resolve_command(context, rest)
        if rest or "`" not in command:
            found.make_context(name, list(rest))
    except Exception as error:
        # in a sentence a command may stand without what it is about
        return "" if type(error).__name__ == "MissingParameter" else f"{command}: {error}"
    return ""


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.parent.name)
def test_what_is_written_can_be_typed(text: Path) -> None:
    written = commands(text.read_text("utf-8"))
    assert written
    assert [why for command in written if (why := understood(command))] == []


@pytest.mark.parametrize(
    "wrong",
    ["hilctl tran", "hilctl train --neww", "hilctl calibrate roi --rio 1", "hilctl bench x"],
)
def test_what_cannot_be_typed_is_noticed(wrong: str) -> None:
    assert understood(wrong)
