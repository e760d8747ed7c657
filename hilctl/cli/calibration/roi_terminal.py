"""Choosing what the policy sees of a camera in a terminal, over ssh as well."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from itertools import zip_longest
from typing import TextIO

from rich.console import Console
from rich.segment import Segment, Segments
from rich.text import Text

from hilctl.cli.calibration.roi_choice import CropChoice, CropSubject, Level
from hilctl.cli.halfblocks import drawn, fitted, half_blocks
from hilctl.cli.terminal_keys import taken_over, write
from hilctl.errors import UsageError
from hilctl.task.sections import Box
from hilctl.terminal import Keys

LEAST_COLUMNS, LEAST_ROWS = 60, 16
POLICY_SHARE = 0.35  # of the columns
GAP = 2
STYLES: dict[Level, str] = {"ok": "", "warning": "yellow", "bad": "bold red"}


def pick_in_terminal(subject: CropSubject, stop: Callable[[], bool]) -> Box | None:
    """Let a person choose a crop in the terminal that stdin and stdout are.

    Args:
        subject: what there is to choose from.
        stop: asked about ten times a second whether to leave.

    Returns:
        The crop in px on the raw frame; None when the person left without.

    Raises:
        UsageError: the terminal cannot be drawn on.
        KeyboardInterrupt: Ctrl-C.
    """
    # it knows the colours of the terminal, and must not write to it by itself
    console = Console(file=io.StringIO(), force_terminal=True, highlight=False)
    if console.is_dumb_terminal or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("this terminal cannot show pictures", hint="say the crop: --roi x,y,w,h")
    choice, keys, screen = CropChoice(subject), Keys(), CropScreen(sys.stdout)
    with taken_over(sys.stdin.fileno(), sys.stdout):
        screen.show(console, choice)
        while not stop():
            pressed = keys.read(sys.stdin.fileno())
            if "ctrl+c" in pressed:
                raise KeyboardInterrupt
            for key in pressed:
                if not choice.is_over:
                    choice.press(key)
            if choice.is_over:
                break
            if choice.refresh() or pressed or screen.has_changed:
                screen.show(console, choice)
    return choice.kept


class CropScreen:
    """Draws a choice over the whole terminal, and of it only the lines that are new.

    Args:
        stream: the terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._size = (0, 0)
        self._shown: list[str] = []

    @property
    def has_changed(self) -> bool:
        """Whether the terminal has another size than what is shown."""
        return self._size != self._terminal_size()

    def show(self, console: Console, choice: CropChoice) -> None:
        """Draw a choice as it is now."""
        if self.has_changed:
            self._size, self._shown = self._terminal_size(), []
            write(self._stream, "\x1b[0m\x1b[2J")
        lines = as_text(console, choice, *self._size)
        news = [
            f"\x1b[{row};1H{line}\x1b[0m\x1b[K"
            for row, (line, old) in enumerate(zip_longest(lines, self._shown), start=1)
            if line is not None and line != old
        ]
        gone = f"\x1b[{len(lines) + 1};1H\x1b[J" if len(lines) < len(self._shown) else ""
        self._shown = lines
        write(self._stream, "".join(news) + gone)

    def _terminal_size(self) -> tuple[int, int]:
        columns = rows = 0  # as some terminals over a serial line say, too
        with suppress(OSError):  # it is gone
            columns, rows = os.get_terminal_size(self._stream.fileno())
        return (columns, rows) if columns and rows else (80, 24)


def as_text(console: Console, choice: CropChoice, columns: int, rows: int) -> list[str]:
    """Return the lines of a choice, none longer than the terminal is wide."""
    if columns < LEAST_COLUMNS or rows < LEAST_ROWS:
        need = f"{LEAST_COLUMNS}×{LEAST_ROWS} characters or more are needed, here are"
        note = Text(f"{need} {columns}×{rows}; Esc leaves").wrap(console, max(1, columns))
        return _printed(console, [list(line.render(console)) for line in note[:rows]])
    words = _words(console, choice, columns)
    return _printed(console, _pictures(console, choice, columns, rows - len(words) - 1) + words)


def _pictures(console: Console, choice: CropChoice, columns: int, rows: int) -> list[list[Segment]]:
    """Return the lines with the frame on the left and what the policy sees on the right."""
    subject = choice.subject
    right = int(POLICY_SHARE * (columns - GAP))
    size = fitted(subject.frame_px, columns - GAP - right, rows - 1)
    frame = half_blocks(console, choice.picture(size))
    policy = drawn(console, choice.policy_view(), right, rows - 1)
    titles = (
        f"camera {subject.camera}: choose a crop",
        f"the policy sees, at {subject.size[0]}×{subject.size[1]} px:",
    )
    titled = [titles[0][: size[0]].ljust(size[0] + GAP), titles[1][:right]]
    lines = [[Segment(title) for title in titled]]
    for a, b in zip_longest(frame, policy):
        lines.append([*(a or [Segment(" " * size[0])]), Segment(" " * GAP), *(b or [])])
    return [*lines, []]


def _words(console: Console, choice: CropChoice, columns: int) -> list[list[Segment]]:
    status = [Text(words, STYLES[level]) for words, level in choice.status()]
    keys = [Text.assemble((key, "bold cyan"), f" {what}") for key, what in choice.help()]
    lines = [*_filled(status, " · ", columns), *_filled(keys, "   ", columns)]
    return [list(line.render(console)) for line in lines]


def _filled(parts: list[Text], between: str, columns: int) -> list[Text]:
    """Return lines with as many whole parts as fit in each."""
    lines = [parts[0]]
    for part in parts[1:]:
        longer = Text.assemble(lines[-1], between, part)
        if longer.cell_len < columns:
            lines[-1] = longer
        else:
            lines.append(part)
    for line in lines:
        line.truncate(columns - 1, overflow="ellipsis")
    return lines


def _printed(console: Console, lines: list[list[Segment]]) -> list[str]:
    """Return lines with their colours as escape sequences, as many as the terminal has."""
    printed = []
    for line in lines:
        with console.capture() as captured:
            console.print(Segments(line), end="", soft_wrap=True)
        printed.append(captured.get().rstrip("\n"))
    return printed
