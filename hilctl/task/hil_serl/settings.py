"""The settings of one class, each as what it is taken for; a wrong one is told by file and line."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hilctl.errors import DataError, UsageError
from hilctl.task.hil_serl.expressions import read_expression
from hilctl.task.hil_serl.statements import FUNCTION
from hilctl.task.hil_serl.values import (
    Assigned,
    ClassBody,
    NotReadableError,
    Unreadable,
    is_number,
)

EXAMPLE = "[0.5, 0, 0.2, 3.14159265, 0, 0]"  # of a pose
MOST_SHOWN = 60  # characters of a wrong value


@dataclass(frozen=True)
class Note:
    """Something that is not taken over, or otherwise than it stands there.

    Attributes:
        setting: by its name in the file, the arm before it where there are several.
        file: its name.
        line: 0 = none.
        why: one line.
        is_remark: it is taken over, but otherwise.
    """

    setting: str
    file: str
    line: int
    why: str
    is_remark: bool = False

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{self.setting} ({where}): {self.why}"


@dataclass
class Settings:
    """The settings of a class; each one that is asked for counts as taken over.

    Attributes:
        shown: how messages name the file.
        prefix: before names in messages: "left." of one of two arms.
        values: by name.
        notes: what is not taken over, added to.
        taken: names that were asked for.
    """

    shown: str
    prefix: str
    values: dict[str, Assigned]
    notes: list[Note]
    taken: set[str] = field(default_factory=set)

    def answer(self, key: str, expression: str, names: Mapping[str, Assigned]) -> None:
        """Take what a person says in place of what stands in the file, in the same language.

        Raises:
            DataError: it cannot be read.
        """
        try:
            value = read_expression(expression, {**names, **self.values})
        except NotReadableError as error:
            message = f"{self.prefix}{key}: cannot read {expression[:MOST_SHOWN]!r}: {error.why}"
            hint = f'for example --set {self.prefix}RESET_POSE="{EXAMPLE}"'
            raise DataError(message, where=f"--set {self.prefix}{key}", hint=hint) from None
        self.values[key] = Assigned(value, 0)

    def value(self, key: str) -> Any:
        """Return a value, or None where there is none that can be read, which is noted."""
        self.taken.add(key)
        held = self.values.get(key)
        if held is None:
            return None
        if isinstance(held.value, Unreadable):
            self.note(
                key, f"not readable, {held.value.why}; say it with --set {self.prefix}{key}=…"
            )
            return None
        return held.value

    def is_lost(self, key: str) -> bool:
        """Return whether a setting is there that could not be read."""
        held = self.values.get(key)
        return held is not None and isinstance(held.value, Unreadable)

    def part(self, key: str, value: Any, *names: str) -> Any:
        """Return a part of a setting, or None where it cannot be read, which is noted."""
        if isinstance(value, Unreadable):
            path = "".join(f"[{name!r}]" for name in names)
            self.note(key, f"not readable, {value.why}: write it into task.yaml", path)
            return None
        return value

    def number(self, key: str, *, low: float, high: float) -> float | None:
        """Return a number within limits, or None.

        Raises:
            DataError: it is something else.
        """
        value = self.value(key)
        if value is None:
            return None
        return self.checked(key, value, low=low, high=high)

    def numbers(self, key: str, length: int) -> list[float] | None:
        """Return that many finite numbers, or None.

        Raises:
            DataError: it is something else.
        """
        value = self.value(key)
        if value is None:
            return None
        items = value.tolist() if isinstance(value, np.ndarray) else value
        if not isinstance(items, list | tuple) or len(items) != length:
            raise self.wrong(key, value, f"{length} numbers")
        return [self.checked(key, item) for item in items]

    def texts(self, key: str) -> list[str] | None:
        """Return texts, or None.

        Raises:
            DataError: it is something else.
        """
        value = self.value(key)
        if value is None:
            return None
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
            raise self.wrong(key, value, "a list of names")
        return list(value)

    def kind(self, key: str, kind: type[Any], expected: str) -> Any:
        """Return a value of a type, or None.

        Raises:
            DataError: it is something else.
        """
        value = self.value(key)
        if value is not None and not isinstance(value, kind):
            raise self.wrong(key, value, expected)
        return value

    def checked(self, key: str, value: Any, *, low: float = -np.inf, high: float = np.inf) -> float:
        """Return a value as a finite number within limits.

        Raises:
            DataError: it is none.
        """
        if not is_number(value) or not np.isfinite(value):
            raise self.wrong(key, value, "a finite number")
        if not low <= value <= high:
            raise self.wrong(key, value, f"a number from {low:g} to {high:g}")
        return float(value)

    def wrong(self, key: str, value: Any, expected: str) -> DataError:
        """Return what says that a value is none that hilctl can take over."""
        got = _shown(value)
        return DataError(
            f"{self.prefix}{key}: expected {expected}, got {got}",
            where=self.where(key),
            hint=f"mend it there, or say another with --set {self.prefix}{key}=…",
        )

    def lacking(self, key: str) -> UsageError:
        """Return what says that a setting is needed, and not there or not readable."""
        held = self.values.get(key)
        why = "is not in this file"
        if held is not None and isinstance(held.value, Unreadable):
            why = f"is not readable: {held.value.why}"
        return UsageError(
            f"{self.prefix}{key} {why}",
            where=self.where(key),
            hint=f'say it: --set {self.prefix}{key}="{EXAMPLE}"',
        )

    def where(self, key: str) -> str:
        """Return file:line of a setting."""
        held = self.values.get(key)
        if held is None:
            return self.shown
        return f"{self.shown}:{held.line}" if held.line else f"--set {self.prefix}{key}"

    def note(self, key: str, why: str, part: str = "") -> None:
        """Note that a setting, or a part of it, is not taken over."""
        self._add(key, why, part, is_remark=False)

    def remark(self, key: str, why: str, part: str = "") -> None:
        """Note that a setting, or a part of it, is taken over otherwise than it stands there."""
        self._add(key, why, part, is_remark=True)

    def _add(self, key: str, why: str, part: str, *, is_remark: bool) -> None:
        line = self.values[key].line if key in self.values else 0
        file = Path(self.shown).name
        self.notes.append(Note(f"{self.prefix}{key}{part}", file, line, why, is_remark))

    def left_over(self) -> Iterator[str]:
        """Yield the names that nobody asked for."""
        for key, held in self.values.items():
            function = isinstance(held.value, Unreadable) and held.value.why == FUNCTION
            if key not in self.taken and not key.startswith("__") and not function:
                yield key


def settings_of(body: ClassBody | None, shown: str, prefix: str, notes: list[Note]) -> Settings:
    """Return the settings of a class; none where there is no class."""
    return Settings(shown, prefix, dict(body.settings) if body else {}, notes)


def one_number(value: Any) -> Any:
    """Return the smallest of some numbers where there are several, else the value."""
    items = value.tolist() if isinstance(value, np.ndarray) else value
    several = isinstance(items, Sequence) and not isinstance(items, str) and len(items) > 0
    return min(items) if several and all(map(is_number, items)) else items


def _shown(value: Any) -> str:
    text = repr(value.tolist() if isinstance(value, np.ndarray) else value)
    if isinstance(value, ast.AST | Unreadable):
        text = "an expression"
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"
