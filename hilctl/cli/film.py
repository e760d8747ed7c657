"""A film in the terminal: half blocks, at the pace at which it was taken."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hilctl.pipeline.replay.film import EpisodeFilm

LOOK_S = 0.05
BELOW = 3  # lines: the caption, and one for the cursor and for what says that a stop was asked for


def play(film: EpisodeFilm, stop: Callable[[], bool]) -> int:
    """Show a film from its beginning, and return how many pictures were shown.

    A picture whose time has passed is left out: a slow line makes a film jerk, not last.

    Args:
        film: to show.
        stop: asked all the time; True ends it.
    """
    from hilctl.cli.live import live_view

    shown = 0
    index = 0
    with live_view(lambda: _view(film, index), refresh_hz=film.rate_hz):
        started_s = time.monotonic()
        while index < len(film) - 1 and not stop():
            time.sleep(min(LOOK_S, 1 / film.rate_hz))
            late = int((time.monotonic() - started_s) * film.rate_hz)
            shown += late > index
            index = min(late, len(film) - 1)
    return shown + 1


def _view(film: EpisodeFilm, index: int) -> Any:
    from rich.console import Console, Group
    from rich.segment import SegmentLines
    from rich.text import Text

    from hilctl.cli.halfblocks import drawn

    size = shutil.get_terminal_size()
    picture = film.picture(index)
    lines = drawn(Console(), picture, size.columns, max(1, size.lines - BELOW))
    return Group(SegmentLines(lines, new_lines=True), Text(film.caption(index), no_wrap=True))
