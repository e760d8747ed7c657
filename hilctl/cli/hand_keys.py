"""What the keys and buttons of the operator's hand do, on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hilctl.task.spec import TaskSpec


def hand_keys(spec: TaskSpec) -> Mapping[str, str]:
    """Return which keys and buttons of a task's hands do what; nothing where they have none."""
    from hilctl.teleop import TELEOPS
    from hilctl.teleop.base import EVENT_WORDS, TeleopEvent

    known = {
        key: does
        for hand in spec.hands.values()
        for key, does in TELEOPS.get(hand.type).key_map(hand.options).items()
    }
    return {
        key: EVENT_WORDS[does] if isinstance(does, TeleopEvent) else does
        for key, does in known.items()
    }


def line_of(keys: Mapping[str, str]) -> str:
    """Return them in one line."""
    return " · ".join(f"{key}: {does}" for key, does in keys.items())


def drawn(keys: Mapping[str, str]) -> Any:
    """Return them as text that wraps between keys, never inside one."""
    from rich.text import Text

    text = Text()
    for key, does in keys.items():
        piece = f"{key} {does}".replace(" ", "\N{NO-BREAK SPACE}")
        text.append(piece[: len(key)], "bold cyan").append(f"{piece[len(key) :]}   ", "dim")
    return text
