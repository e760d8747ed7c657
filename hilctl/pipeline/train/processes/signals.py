"""What the supervisor asks of its processes: flags in shared memory that nobody can hold locked."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from typing import Any

SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class ProcessSignals:
    """Requests to both processes.

    A process that is killed while it looks at a lock would leave it locked for ever; single bytes
    need none.

    Attributes:
        go: the robot may move.
        stop_acting: end the episode, stop the robot, leave.
        stop_learning: save what was learnt, leave.
    """

    go: Any
    stop_acting: Any
    stop_learning: Any

    @classmethod
    def make(cls) -> ProcessSignals:
        """Return flags that are all off."""
        return cls(*(SPAWN.RawValue("b", 0) for _ in range(3)))
