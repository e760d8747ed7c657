"""What an expression of a configuration can be, and how much of it is taken in."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MOST_VALUES = 5000  # of an expression, names replaced by what they stand for
MOST_ITEMS = 1000  # of an array
MOST_TEXT = 10_000
LARGEST_INT = 2**63


class NotReadableError(Exception):
    """An expression that cannot be told without executing it.

    Attributes:
        line: where it stands; 0 = not in the file.
        why: in a few words.
    """

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")
        self.line, self.why = line, why


@dataclass(frozen=True)
class Unreadable:
    """What stands in place of a value that could not be read."""

    line: int
    why: str


@dataclass(frozen=True)
class Imported:
    """Something of another module, by its full name."""

    name: str


@dataclass(frozen=True)
class Assigned:
    """A name's value, and the line that gave it."""

    value: Any
    line: int


@dataclass(frozen=True)
class ClassBody:
    """A class of the file: its own and inherited settings.

    Attributes:
        name, line: of the class.
        bases: their last names, those in other files included.
        node: its syntax tree.
        settings: name → value.
    """

    name: str
    line: int
    bases: tuple[str, ...]
    node: ast.ClassDef
    settings: dict[str, Assigned] = field(default_factory=dict)


def look_up(names: Mapping[str, Assigned], name: str, line: int, of: str = "") -> Any:
    """Return a name's value.

    Raises:
        NotReadableError: it has none, or one that could not be read.
    """
    if name not in names:
        where = f" of {of}" if of else ""
        raise NotReadableError(line, f"{name!r}{where} is not set in this file")
    return known(names[name].value)


def known(value: Any) -> Any:
    """Return a value that could be read.

    Raises:
        NotReadableError: it could not.
    """
    if isinstance(value, Unreadable):
        raise NotReadableError(value.line, value.why)
    return value


def count(value: Any) -> int:
    """Return how many values a value is made of."""
    if isinstance(value, Mapping):
        return 1 + sum(count(item) for item in value.values())
    if isinstance(value, list | tuple):
        return 1 + sum(count(item) for item in value)
    return int(value.size) if isinstance(value, np.ndarray) else 1


def is_number(value: Any) -> bool:
    """Return whether a value is an int or a float."""
    return isinstance(value, int | float) and not isinstance(value, bool)
