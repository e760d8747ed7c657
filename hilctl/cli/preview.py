"""What the cameras see, in the terminal of whoever drives."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hilctl.pipeline.events import Event

GAP = 2  # columns between two pictures
LEAST_ROWS = 6  # fewer show nothing
SMALL_ROWS = 20  # 40 px: there it is hard to see how far a tool is from its goal
LARGER = "larger in a larger terminal"


class Preview:
    """Remember the newest pictures, and draw them side by side."""

    def __init__(self) -> None:
        self._images: dict[str, str] = {}
        self._drawn: tuple[Any, Any] = (None, None)

    def takes(self, event: Event) -> bool:
        """Return whether an event is one of pictures, which are then the newest."""
        if event.name != "seen":
            return False
        images: Any = event.figures["images"]
        self._images = dict(images)
        return True

    def beside(self, view: Any, rows_taken: int, *, above: bool = False) -> Any:
        """Return a view with the pictures under it, if there are any and there is room.

        Args:
            view: what else is shown.
            rows_taken: lines of the terminal that the pictures leave to other things.
            above: the pictures come first: a low terminal cuts the view, not them.
        """
        from rich.console import Group

        size = shutil.get_terminal_size()
        rows = size.lines - rows_taken
        if not self._images or rows < LEAST_ROWS:
            return view
        what = (tuple(self._images.values()), size.columns, rows)
        if self._drawn[0] != what:  # drawing takes some milliseconds, comparing none
            self._drawn = (what, self._draw(size.columns, rows))
        pictures = self._drawn[1]
        return Group(pictures, view) if above else Group(view, pictures)

    def _draw(self, columns: int, rows: int) -> Any:
        from rich.console import Console
        from rich.segment import SegmentLines
        from rich.table import Table

        from hilctl.cli.halfblocks import drawn
        from hilctl.env.preview import unpacked

        each = (columns - GAP * len(self._images)) // len(self._images)
        console = Console()
        grid = Table.grid(padding=(0, GAP, 0, 0))
        images = unpacked(self._images).values()
        pictures = [drawn(console, image, max(1, each), rows - 1) for image in images]
        grid.add_row(*(SegmentLines(lines, new_lines=True) for lines in pictures))
        *names, last = self._images
        small = max(map(len, pictures)) <= SMALL_ROWS
        grid.add_row(*names, f"{last}, {LARGER}" if small else last)
        return grid
