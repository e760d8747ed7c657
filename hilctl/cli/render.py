"""Everything a command shows: talk, results, progress, tables and errors, for people or as JSON."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from hilctl.cli.streams import printable
from hilctl.errors import BelowBarError, HilctlError

_COLOURS = {
    "ready": "32",
    "ok": "32",
    "partial": "33",
    "stale": "33",
    "not tried": "33",
    "missing": "31",
    "problem": "31",
    "error:": "31;1",
    "hint:": "36",
    "next:": "36",
}

NARROW = 24  # characters: a few words side by side


class Output:
    """Where a command's words go.

    Args:
        as_json: data on stdout as JSON, talk on stderr; else everything on stdout.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json

    @property
    def talk(self) -> TextIO:
        """The stream for people."""
        return sys.stderr if self.as_json else sys.stdout

    @property
    def interactive(self) -> bool:
        """Whether a person is watching and can answer."""
        return not self.as_json and sys.stdin.isatty() and sys.stdout.isatty()

    @property
    def draws(self) -> bool:
        """Whether a person is watching a terminal on which things can be drawn anew."""
        return self.interactive and can_draw()

    @property
    def columns(self) -> int:
        """Characters that fit into a line."""
        return shutil.get_terminal_size().columns

    def say(self, text: str = "") -> None:
        """Tell a person something; in a terminal between words at its edge."""
        self._line(self.wrapped(printable(text)))

    def wrapped(self, text: str) -> str:
        """Return a text broken between words at the edge of the terminal, if it is one."""
        if not self.talk.isatty():
            return text
        columns = self.columns
        return "\n".join(
            textwrap.fill(line, columns, break_long_words=False, break_on_hyphens=False)
            if len(line) > columns
            else line
            for line in text.split("\n")
        )

    def event(self, event: Mapping[str, Any]) -> None:
        """Write one JSON line about work in progress; nothing without `--json`.

        What cameras see is left out: 100 kB a second, for a person's eyes only.
        """
        if self.as_json and event.get("event") != "seen":
            self._write_json(event)

    def result(self, result: Mapping[str, Any]) -> None:
        """Write the final JSON object; nothing without `--json`."""
        if self.as_json:
            self._write_json(result)

    def next(self, command: str) -> None:
        """Tell the exact command that comes next."""
        # a command is not broken: it is there to be copied
        self._line(f"{self._painted('next:', self.talk)} {printable(command)}")

    def hint(self, text: str) -> None:
        """Tell how something is mended."""
        self._line(self.wrapped(f"{self._painted('hint:', self.talk)} {printable(text)}"))

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show rows under a header; the last column wraps at the edge of the terminal.

        Where fewer than `NARROW` characters are left to it, each row is a paragraph.
        """
        rows = [[printable(cell) for cell in row] for row in rows]
        *fixed, last = (max(map(len, column)) for column in zip(header, *rows, strict=True))
        indent = sum(fixed) + 2 * len(fixed)
        width = self.columns - indent - 1
        if self.talk.isatty() and width < max(1, min(last, NARROW)):
            self._paragraphs(header, rows)
            return
        for row in (header, *rows):
            cells = [
                self._painted(cell, self.talk, size) for cell, size in zip(row, fixed, strict=False)
            ]
            wrapped = textwrap.wrap(row[-1], width) if self.talk.isatty() else [row[-1]]
            self._line("  ".join([*cells, wrapped[0] if wrapped else ""]).rstrip())
            for line in wrapped[1:]:
                self._line(" " * indent + line)

    def _paragraphs(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show each row as lines that begin with the name of their column."""
        indent = max(map(len, header)) + 2
        for number, row in enumerate(rows):
            if number:
                self._line("")
            for name, cell in zip(header, row, strict=True):
                first, *more = textwrap.wrap(cell, max(12, self.columns - indent - 1)) or [""]
                self._line(f"{name:<{indent}}{self._painted(first, self.talk)}".rstrip())
                for line in more:
                    self._line(" " * indent + line)

    def error(self, error: HilctlError) -> None:
        """Show an error: `error:` and `hint:` on stderr, or an object on stdout."""
        details: dict[str, Any] = dict(error.as_dict())
        problems = getattr(error, "problems", None)
        if problems:
            details["problems"] = [problem.as_dict() for problem in problems]
        # A result below the bar has been written already, and stdout holds one object only.
        self.failure(details, quiet_json=isinstance(error, BelowBarError))

    def failure(self, details: Mapping[str, Any], *, quiet_json: bool = False) -> None:
        """Show a failure given as code, message, where and hint."""
        if self.as_json and not quiet_json:
            empty = {"code": None, "message": None, "where": None, "hint": None}
            self._write_json({"error": {**empty, **details}})
            return
        message, where, hint = (
            None if details.get(key) is None else printable(str(details[key]))
            for key in ("message", "where", "hint")
        )
        lines = [f"{self._painted('error:', sys.stderr)} {message}"]
        if where and str(where) not in f". {message} {hint}":  # "." tells nothing new
            lines.append(f"  at {where}")
        if hint:
            lines.append(f"{self._painted('hint:', sys.stderr)} {hint}")
        print("\n".join(lines), file=sys.stderr, flush=True)

    def interrupted(self, step: str | None) -> None:
        """Tell that a person ended the command, which is no error, and what comes next."""
        if self.as_json:
            self.failure({"code": "interrupted", "message": "interrupted", "next": step})
        else:
            print("interrupted", file=sys.stderr, flush=True)
        if step is not None:
            self.next(step)

    def _line(self, text: str) -> None:
        print(text, file=self.talk, flush=True)

    def _write_json(self, value: Mapping[str, Any]) -> None:
        # in ASCII: a stream of any encoding can take it, and it stays JSON
        print(json.dumps(_plain(value)), flush=True)

    def _painted(self, text: str, stream: TextIO, width: int = 0) -> str:
        padded = text.ljust(width)
        colour = _COLOURS.get(text)
        if not colour or not stream.isatty() or os.environ.get("NO_COLOR") or not can_draw():
            return padded
        return f"\x1b[{colour}m{padded}\x1b[0m"


def can_draw() -> bool:
    """Return whether the terminal knows more than letters, one after the other."""
    return os.environ.get("TERM") not in ("dumb", "unknown")


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it: numbers that are none become null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str | int | None):
        return value
    if hasattr(value, "item"):
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)
