"""A run's figures as TensorBoard event files, one point an episode."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

FOLDER = "tensorboard"


class FigureLog(Protocol):
    """Take a run's figures, one set an episode."""

    def write(self, step: int, figures: Mapping[str, Any]) -> None:
        """Take every number among `figures` at a robot step."""
        ...

    def close(self) -> None:
        """Write what is left; idempotent."""
        ...


class Scalars:
    """Write numbers under `tensorboard/` of a run; the files are opened with the first one.

    Args:
        run: its folder.
    """

    def __init__(self, run: Path) -> None:
        self._folder = run / FOLDER
        self._writer: Any = None

    def write(self, step: int, figures: Mapping[str, Any]) -> None:
        """Write every number among `figures` at a robot step; other values are left out."""
        if self._writer is None:
            from tensorboardX import SummaryWriter

            # the name has whole seconds only, and a file of the same name would be overwritten
            suffix = f".{time.time_ns()}"
            self._writer = SummaryWriter(str(self._folder), flush_secs=5, filename_suffix=suffix)
        for name, value in figures.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is left; idempotent."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
