"""Progress of a command: a bar in a terminal, lines elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from hilctl.cli.render import Output
from hilctl.cli.streams import printable

if TYPE_CHECKING:
    from hilctl.pipeline.progress import Event

BAR_COLUMNS = 20


def is_passing(event: Event) -> bool:
    """Return whether an event is of no interest once the next one of its kind is there."""
    return event.name in {"process", "moving", "guide"} or (
        event.name == "encode" and event.done != event.total
    )


class LiveProgress:
    """Show what a verb reports.

    Args:
        output: of the command.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._bar: Any = None
        self._row: Any = None

    def __enter__(self) -> Self:
        if self._output.interactive:
            from rich.progress import BarColumn, Progress, TextColumn
            from rich.table import Column

            # words wrap: what a person is told to do must not be cut off
            words = TextColumn("{task.description}", table_column=Column(ratio=1))
            self._bar = Progress(BarColumn(BAR_COLUMNS), words, transient=True, expand=True)
            self._bar.start()
        return self

    def __exit__(self, *exc: Any) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def report(self, event: Event) -> None:
        """Show one event; with `--json`, write it as a line."""
        event = replace(event, text=printable(event.text))
        self._output.event(event.as_dict())
        if self._bar is None:
            if not is_passing(event):
                self._output.say(event.text)
        elif event.total is None:
            self._bar.console.print(event.text)
        else:
            if self._row is None:  # nothing is shown before there is something to count
                self._row = self._bar.add_task("", total=event.total)
            self._bar.update(
                self._row, completed=event.done, total=event.total, description=event.text
            )
