"""What the keys and buttons of the operator's hand do, on the screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hilctl.task.spec import TaskSpec

GAP = "   "  # between two keys


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


class KeyHelp:
    """Keys and what they do, in lines that break between two of them, never inside one.

    Rich takes every space for a place to break, one that is not to be broken at, too.

    Args:
        keys: and what they do.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._keys = keys

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        """Draw them as wide as there is room."""
        from rich.text import Text

        line = Text()
        for key, does in self._keys.items():
            piece = Text.assemble((key, "bold cyan"), (f" {does}", "dim"))
            if line and line.cell_len + len(GAP) + piece.cell_len > options.max_width:
                yield line
                line = Text()
            line.append(GAP if line else "").append_text(piece)
        yield line
