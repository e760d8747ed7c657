"""What a hand says as live bars; line by line when nobody watches a terminal."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from hilctl.cli.dashboard import clock
from hilctl.cli.live import EventView
from hilctl.cli.render import Output
from hilctl.cli.streams import printable

if TYPE_CHECKING:
    from hilctl.pipeline.events import Event

HALF_COLUMNS = 12  # of a bar, on each side of the middle
ROWS_TAKEN = 24  # by the keys and the panel
REMEMBERED = 4  # things that were said


class HandView(EventView):
    """Show what `hilctl teleop` reports.

    Args:
        output: of the command.
        title: of the live view.
        keys: of the hand, and what they do.
    """

    refresh_hz: ClassVar[float] = 20

    def __init__(
        self, output: Output, title: str, keys: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        super().__init__(output, keys)
        self._title = title
        self._hand: Event | None = None
        self._said: deque[str] = deque(maxlen=REMEMBERED)

    def _take(self, event: Event) -> None:
        if event.name == "hand":
            self._hand = event
        elif event.name in ("said", "device"):
            at_s = self._hand.done if self._hand else 0.0
            self._said.append(f"{clock(at_s)} {event.figures.get('said', event.text)}")

    def _render(self) -> Any:
        from rich.panel import Panel
        from rich.table import Table
        from rich.text import Text

        if self._hand is None:
            return Text("opening")
        grid = Table.grid(padding=(0, 2))
        for name, value in rows(self._hand.figures, list(self._said)):
            grid.add_row(name, Text(printable(value)))
        panel = Panel(grid, title=self._title, subtitle=_time(self._hand), expand=False)
        return self._preview.beside(panel, ROWS_TAKEN)


def rows(figures: Mapping[str, Any], said: list[str]) -> list[tuple[str, str]]:
    """Return what the live view shows: a name and a value a line."""
    from hilctl.pipeline.teleop.try_hand import AXES, GRIPPER

    axes = [
        (name, f"{bar(value)} {value:+.2f}")
        for name, value in zip(AXES, figures["twist"], strict=True)
    ]
    device = [("device", figures["device"])] if figures["device"] else []
    remark = [("", figures["remark"])] if figures["remark"] else []
    return [
        *axes,
        ("gripper", GRIPPER[figures["gripper"]] or "–"),
        ("engaged", "yes" if figures["engaged"] else "no"),
        ("said", ", ".join(said) or "–"),
        ("polls", f"{figures['rate_hz']:.1f} a second"),
        ("newest input", _age(figures["age_s"])),
        ("dead-band", _dead_band(figures["dead_band"])),
        *device,
        *remark,
    ]


def bar(value: float) -> str:
    """Return a number in [-1, 1] as a bar to the left or right of the middle."""
    columns = round(min(1.0, abs(value)) * HALF_COLUMNS)
    full, rest = "█" * columns, "░" * (HALF_COLUMNS - columns)
    empty = "░" * HALF_COLUMNS
    return f"{empty}│{full}{rest}" if value >= 0 else f"{rest}{full}│{empty}"


def _age(age_s: float | None) -> str:
    return "the driver does not say" if age_s is None else f"{1e3 * age_s:.0f} ms old"


def _dead_band(share: float | None) -> str:
    return "the driver does not say" if share is None else f"up to {share:.2f} counts as released"


def _time(event: Event) -> str:
    over = f" of {clock(event.total)}" if event.total else ""
    return f"{clock(event.done)}{over} · Ctrl-C ends"
