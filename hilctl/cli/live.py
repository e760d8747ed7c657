"""Progress of a command: a bar in a terminal, lines elsewhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from hilctl.cli.aside import Aside
from hilctl.cli.hand_keys import KeyHelp, line_of
from hilctl.cli.interrupt import STOPPING, is_stopping
from hilctl.cli.lines import LineProgress
from hilctl.cli.preview import Preview
from hilctl.cli.render import Output
from hilctl.cli.streams import printable
from hilctl.cli.terminal_keys import without_carets

if TYPE_CHECKING:
    from hilctl.pipeline.events import Event

BAR_COLUMNS = 20
LEAST_COLUMNS = 50  # below, there is no room for a bar beside the words
REFRESH_HZ = 4
DRIVING_HZ = 10  # with keys of a hand on the screen: somebody drives by what they see
ROWS_TAKEN = 8  # by the keys, the bar and what a person is asked


@contextmanager
def live_view(
    render: Callable[[], Any],
    keys: Mapping[str, str] = MappingProxyType({}),
    refresh_hz: float | None = None,
) -> Iterator[Any]:
    """Show what `render` returns, again and again, and above it that a stop was asked for.

    Above it stand the keys and buttons of the operator's hand, too.

    The screen is whole afterwards: the view is gone and the cursor is there. It looks for itself,
    since nothing can be drawn from a signal handler while something is being drawn.
    """
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    def whole() -> Any:
        # on top: a low terminal shows the beginning only
        stopping = [Text(STOPPING)] if is_stopping() else []
        help_ = [KeyHelp(keys)] if keys else []
        return Group(*stopping, *help_, render())

    rate_hz = refresh_hz or (DRIVING_HZ if keys else REFRESH_HZ)
    live = Live(get_renderable=whole, refresh_per_second=rate_hz, transient=True)
    try:
        with without_carets(), live:
            yield live
    finally:
        live.console.show_cursor()


class EventView(ABC):
    """Show what a verb reports: a view in a terminal, lines elsewhere.

    Args:
        output: of the command.
        keys: of the operator's hand, and what they do.
        plain: write lines even where a live view were possible.
    """

    refresh_hz: ClassVar[float | None] = None  # None = as often as is usual

    def __init__(
        self,
        output: Output,
        keys: Mapping[str, str] = MappingProxyType({}),
        *,
        plain: bool = False,
    ) -> None:
        self._output, self._keys = output, keys
        self._draws = output.draws and not plain
        self._lines = LineProgress(output)
        self._opened = ExitStack()
        self._live: Any = None
        self._preview = Preview()

    def __enter__(self) -> Self:
        if self._draws:
            view = live_view(self._render, self._keys, self.refresh_hz)
            self._live = self._opened.enter_context(view)
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
        if not self._preview.takes(event):
            self._take(event)

    @abstractmethod
    def _take(self, event: Event) -> None:
        """Remember what an event says, for what is drawn next."""

    @abstractmethod
    def _render(self) -> Any:
        """Return what is to be seen now, for rich."""


class LiveProgress(EventView):
    """Show how far a verb is."""

    _bar: Any = None
    _called = ""  # that what is seen counts as success

    def __enter__(self) -> Self:
        if self._draws:
            self._bar = self._new_bar()
        return super().__enter__()

    def _new_bar(self) -> Any:
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.table import Column

        # words wrap: what a person is told to do must not be cut off
        words = TextColumn("{task.description}", table_column=Column(ratio=1), markup=False)
        columns = (
            [words] if self._output.columns < LEAST_COLUMNS else [BarColumn(BAR_COLUMNS), words]
        )
        return Progress(*columns, expand=True)

    def _render(self) -> Any:
        shown = self._preview.beside(self._bar, ROWS_TAKEN)
        if not self._called:
            return shown
        from rich.console import Group
        from rich.text import Text

        return Group(Text(self._called, style="bold green"), shown)

    def _take(self, event: Event) -> None:
        if event.name == "called":
            self._called = event.text if event.figures["success"] else ""
        elif event.total is None:
            self._live.console.print(event.text, markup=False)
        else:
            if not self._bar.tasks:  # nothing is shown before there is something to count
                self._bar.add_task("", total=event.total)
            self._bar.update(
                self._bar.tasks[0].id,
                completed=event.done,
                total=event.total,
                description=event.text,
            )
