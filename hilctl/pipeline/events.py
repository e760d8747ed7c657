"""What a verb tells while it works, for people and for programs alike, and whether to go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Plain = bool | int | float | str | Sequence["Plain"] | Mapping[str, "Plain"] | None
Figures = Mapping[str, Plain]


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes:
        name: what kind of thing, e.g. "episode".
        text: all of it in one line, for a person.
        done, total: how far the work is, in a unit that people count; None = it does not tell.
        figures: plain numbers and words that belong to it, for a program; whatever else is given
            becomes its text, so that every event can be told to another process.
    """

    name: str
    text: str
    done: float | None = None
    total: float | None = None
    figures: Figures = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "figures", plain(self.figures))

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON line: `event`, then the figures."""
        return {"event": self.name, **self.figures}


Report = Callable[[Event], None]
ShouldStop = Callable[[], bool]  # asked now and then: whether a person wants an end


def silent(event: Event) -> None:
    """Tell nobody."""


def never() -> bool:
    """Return False: nobody wants an end."""
    return False


def told_by(report: Report) -> Callable[[str, str, Figures], None]:
    """Return what reports whatever an operator is asked, and what comes of it."""
    return lambda name, text, figures: report(Event(name, text, figures=figures))


def telling(report: Report, name: str) -> Callable[[str], None]:
    """Return what reports words as events of that name."""
    return lambda text: report(Event(name, text))


def plain(value: Any) -> Any:
    """Return a value as JSON has it; what JSON has not becomes text."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence | set | frozenset):
        return [plain(item) for item in value]
    return str(value)
