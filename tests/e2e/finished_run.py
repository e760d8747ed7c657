"""One training in real time to its end, on a computer whose clock is set again and again."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import Start, is_episode, python_path, until

from hilctl.task.workspace import Workspace

HOUR_S = 3600
JUMPING_CLOCK = f"""
import time

seconds, nanoseconds, monotonic = time.time, time.time_ns, time.monotonic
began = monotonic()

def jump_s():
    return -{HOUR_S} if int(monotonic() - began) % 10 < 5 else {HOUR_S}

time.time = lambda: seconds() + jump_s()
time.time_ns = lambda: nanoseconds() + jump_s() * 10**9
"""


@dataclass(frozen=True)
class FinishedRun:
    """A run to the end: its folder, its result, and seconds and robot steps after episode 1."""

    space: Workspace
    result: dict[str, Any]
    seconds: float
    steps: int

    def write(self, file: Path) -> None:
        """Keep what was seen, for other processes."""
        file.write_text(json.dumps({**vars(self), "space": None}), "utf-8")

    @classmethod
    def read(cls, file: Path, task: Path) -> FinishedRun:
        """Return what was seen of a task folder."""
        return cls(**{**json.loads(file.read_text("utf-8")), "space": Workspace(task)})


def watch_to_the_end(space: Workspace, start: Start, site: Path) -> FinishedRun:
    """Train until the limit of robot minutes is met."""
    site.mkdir()
    (site / "sitecustomize.py").write_text(JUMPING_CLOCK)
    running = start(space, "train", environment=python_path(site))
    first = until(running, is_episode(1))[-1]
    began = time.monotonic()
    *_, last, result = until(running, lambda event: "reached_target" in event)
    seconds = time.monotonic() - began
    assert running.finish()[0] == 0
    return FinishedRun(space, result, seconds, last["robot_steps"] - first["robot_steps"])
