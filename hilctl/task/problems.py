"""Problems of a task file: where each one is, how it looks, and all of them as one error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hilctl.errors import TaskFileError

_MAX_LINE = 100  # characters of an offending line that are shown
_MAX_PROBLEMS = 50  # that are shown


@dataclass(frozen=True)
class Span:
    """A place in a text: line and column from 1, and how many characters wide."""

    line: int
    column: int
    width: int


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a file.

    Attributes:
        file: path as shown to the person.
        span: the offending characters.
        message: what is wrong and what was expected.
        hint: the likely remedy.
        source: the offending line.
    """

    file: str
    span: Span
    message: str
    hint: str | None
    source: str

    @property
    def where(self) -> str:
        """The place as file:line:col."""
        return f"{self.file}:{self.span.line}:{self.span.column}"

    def as_dict(self) -> dict[str, str | int | None]:
        """Return the JSON form: where, line, column, message, hint, source."""
        return {
            "where": self.where,
            "line": self.span.line,
            "column": self.span.column,
            "message": self.message,
            "hint": self.hint,
            "source": _window(self.source, self.span.column - 1)[0],
        }

    def __str__(self) -> str:
        shown, start = _window(self.source, self.span.column - 1)
        caret = "^" * max(1, min(self.span.width, len(shown) - start))
        number = f"{self.span.line:>5}"
        lines = [
            f"{self.where}: {self.message}",
            f"{number} | {shown}".rstrip(),
            f"      | {' ' * start}{caret}",
        ]
        if self.hint:
            lines.append(f"      = {self.hint}")
        return "\n".join(lines)


class TaskProblemsError(TaskFileError):
    """A task file with problems: the message shows all of them, `problems` holds them."""

    def __init__(self, problems: Sequence[Problem], *, hint: str | None = None) -> None:
        known = sorted(problems, key=lambda p: (p.span.line, p.span.column))
        self.problems = known[:_MAX_PROBLEMS]
        first = self.problems[0]
        count = "1 problem" if len(known) == 1 else f"{len(known)} problems"
        if len(known) > _MAX_PROBLEMS:
            count += f", the first {_MAX_PROBLEMS} are"
        message = "\n\n".join([f"{first.file} has {count}", *map(str, self.problems)])
        super().__init__(message, where=first.where, hint=hint)


def _window(line: str, column: int) -> tuple[str, int]:
    """Return the part of a line around a column, printable, and the column within it."""
    begin = max(0, min(column - _MAX_LINE // 2, len(line) - _MAX_LINE))
    part = line[begin : begin + _MAX_LINE]
    return "".join(c if c.isprintable() else " " for c in part), column - begin
