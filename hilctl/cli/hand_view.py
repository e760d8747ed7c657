"""What a hand says as live bars; line by line when nobody watches a terminal."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from hilctl.cli.aside import Aside
from hilctl.cli.dashboard import clock
from hilctl.cli.hand_keys import line_of
from hilctl.cli.lines import LineProgress
from hilctl.cli.live import live_view
from hilctl.cli.preview import Preview
from hilctl.cli.render import Output
from hilctl.cli.streams import printable

if TYPE_CHECKING:
    from hilctl.pipeline.events import Event

HALF_COLUMNS = 12  # of a bar, on each side of the middle
REFRESH_HZ = 20
ROWS_TAKEN = 24  # by the keys and the panel
REMEMBERED = 4  # things that were said


class HandView:
    """Show what `hilctl teleop` reports.

    Args:
        output: of the command.
        title: of the live view.
        keys: of the hand, and what they do.
    """

    def __init__(
        self, output: Output, title: str, keys: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._output, self._title, self._keys = output, title, keys
        self._lines = LineProgress(output)
        self._opened = ExitStack()
        self._live: Any = None
        self._preview = Preview()
        self._hand: Event | None = None
        self._said: deque[str] = deque(maxlen=REMEMBERED)

    def __enter__(self) -> Self:
        if self._output.draws:
            self._live = self._opened.enter_context(live_view(self._render, self._keys, REFRESH_HZ))
            self._aside = self._opened.enter_context(Aside(self._draw))
        else:
            self._opened.enter_context(self._lines)
            if self._keys:
                self._output.say(line_of(self._keys))
        return self

    def __exit__(self, *exc: Any) -> None:
        self._opened.close()
        self._live = None

    def report(self, event: Event) -> None:
        """Show one event; with `--json`, write it as a line."""
        event = replace(event, text=printable(event.text))
        self._output.event(event.as_dict())
        if self._live is None:
            self._lines.report(event)
        else:
            self._aside.report(event)

    def _draw(self, event: Event) -> None:
        if self._preview.takes(event):
            return
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
