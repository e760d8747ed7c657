"""What a verb tells while it works, for people and for programs alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes:
        name: what kind of thing, e.g. "episode".
        text: all of it in one line, for a person.
        done, total: how far the work is, in a unit that people count; None = it does not tell.
        figures: plain numbers and words that belong to it, for a program.
    """

    name: str
    text: str
    done: float | None = None
    total: float | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON line: `event`, then the figures."""
        return {"event": self.name, **self.figures}


Report = Callable[[Event], None]


def silent(event: Event) -> None:
    """Tell nobody."""
