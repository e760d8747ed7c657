"""The live view of a training run; line by line when nobody watches a terminal."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from hilctl.cli.interrupt import is_stopping
from hilctl.cli.lines import LASTING
from hilctl.cli.live import EventView
from hilctl.cli.render import Output

if TYPE_CHECKING:
    from hilctl.pipeline.events import Event


ASKING = {"waiting", "answered"}  # what a person is asked, and what came of it
LEAST_COLUMNS = 64  # for a gap between names and values
ROWS_TAKEN = 16  # by the keys, a question and the first lines of the panel


class Dashboard(EventView):
    """Show what training reports.

    Args:
        output: of the command.
        title: of the live view.
        plain: write lines even where a live view were possible.
        keys: of the operator's hand, and what they do.
    """

    def __init__(
        self,
        output: Output,
        title: str,
        *,
        plain: bool = False,
        keys: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(output, keys, plain=plain)
        self._title = title
        self._shown: str | Event = ""  # words, or the last episode
        self._shown_since = time.monotonic()
        self._first: Event | None = None  # episode that was seen here
        self._asked = ""  # what a person is asked, beside whatever is shown

    def _take(self, event: Event) -> None:
        if event.name in ASKING:
            self._asked = event.text if event.name == "waiting" else ""
        elif event.name == "episode" and "robot_steps" in event.figures:
            self._first = self._first or event
            self._show(event)
        elif event.name in LASTING:
            self._show("")
            self._live.console.print(event.text, markup=False, highlight=False)
        else:
            self._show(event.text)

    def _show(self, shown: str | Event) -> None:
        self._shown, self._shown_since = shown, time.monotonic()

    def _render(self) -> Any:
        shown = self._preview.beside(self._current(), ROWS_TAKEN, above=True)
        if not self._asked:
            return shown
        from rich.console import Group
        from rich.text import Text

        # on top: a low terminal shows the beginning only
        return Group(Text(self._asked, style="bold yellow"), shown)

    def _current(self) -> Any:
        since_s = time.monotonic() - self._shown_since
        if not isinstance(self._shown, str):
            return self._view(self._first or self._shown, self._shown, since_s)
        from rich.text import Text

        # nothing may come for a while: the time tells that it is at work
        return Text(f"{self._shown or 'at work'} {clock(since_s)}")

    def _view(self, first: Event, last: Event, since_s: float) -> Any:
        from rich.panel import Panel
        from rich.table import Table

        figures: Mapping[str, Any] = last.figures
        grid = Table.grid(padding=(0, 1 if self._output.columns < LEAST_COLUMNS else 3))
        times = [
            ("wall time", clock(figures["wall_s"] + since_s)),
            ("at most until the limit", clock(remaining_s(first, last, since_s))),
        ]
        for name, value in [*rows(figures), *times]:
            grid.add_row(name, value)
        for trouble in figures.get("diagnoses", ()):
            grid.add_row(f"[bold yellow]{trouble['name']}[/]", trouble["remedy"])
        # on top: the end of the panel is cut off where pictures take the room
        title = f"{self._title} · {figures['phase']}"
        way_out = None if is_stopping() else "Ctrl-C stops and saves"
        return Panel(grid, title=title, subtitle=way_out, expand=False)


def remaining_s(first: Event, last: Event, since_s: float = 0.0) -> float | None:
    """Return how long a training takes at most, by its pace since the first episode seen.

    What came before is none of it: pictures are encoded and programs compiled then, and a run that
    goes on has its earlier robot time behind it. None while the pace is unknown.

    Args:
        first, last: what was told after two episodes, see `pipeline.run_folder.run`.
        since_s: since the last one ended.
    """
    done_s = (last.done or 0.0) - (first.done or 0.0)
    if done_s <= 0 or last.total is None:
        return None
    before, now = (cast(float, event.figures["wall_s"]) for event in (first, last))
    pace = (now - before) / done_s
    return max(0.0, pace * (last.total - (last.done or 0.0)) - since_s)


def rows(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what the live view shows of an episode: a name and a value a line."""
    value = figures.get
    return [
        ("success without help, last 20", bar(figures["autonomous_success_last20"])),
        ("with or without, last 20", bar(figures["success_last20"])),
        ("human in charge, last 20", bar(figures["intervention_rate_last20"])),
        ("vetoed / claimed", f"{figures['vetoes']} / {figures['claims']}"),
        ("last reward", f"{figures['reward']:.0f}"),
        ("episodes, robot steps", f"{figures['episodes']}, {figures['robot_steps']}"),
        (
            "of these on trial, trials",
            f"{figures['trial_episodes']}, {figures['trial_steps']}, {figures['trials']}",
        ),
        ("updates", f"{figures['updates']}, {figures['lag_steps']} steps behind"),
        ("policy behind learner", f"{figures['policy_age']} updates"),
        ("in buffers", f"{figures['online_steps']} rollout, {figures['demo_steps']} human steps"),
        ("late periods, worst", late(figures)),
        (
            "died, started again",
            f"actor {value('actor_deaths', 0)}, learner {value('learner_deaths', 0)}",
        ),
        ("mean Q", number(value("q"))),
        ("critic / actor loss", f"{number(value('critic_loss'))} / {number(value('actor_loss'))}"),
        ("entropy, temperature", f"{number(value('entropy'))}, {number(value('temperature'))}"),
        ("robot time", f"{figures['robot_s'] / 60:.1f} min"),
    ]


def late(figures: Mapping[str, Any]) -> str:
    """Return how well the control loop kept its rate."""
    share = figures["late_periods"] / max(1, figures["robot_steps"])
    return f"{figures['late_periods']} ({share:.1%}), {figures['worst_late_s'] * 1e3:.0f} ms"


def bar(share: float, width: int = 20) -> str:
    """Return a share as a bar and a percentage."""
    full = round(share * width)
    return f"{'█' * full}{'░' * (width - full)} {share:.0%}"


def number(value: float | None) -> str:
    """Return a number to three digits, or a dash."""
    return "–" if value is None else f"{value:.3g}"


def clock(seconds: float | None) -> str:
    """Return minutes and seconds, or a dash."""
    return "–" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
