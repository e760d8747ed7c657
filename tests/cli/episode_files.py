"""A small task with episodes and runs, made without robot, simulator or training."""

from __future__ import annotations

import sys
from pathlib import Path

from hilctl.data.step import EpisodeSummary, Outcome
from hilctl.pipeline.events import silent
from hilctl.pipeline.run_folder.run import Run
from hilctl.task.workspace import Workspace

sys.path.append(str(Path(__file__).parents[1] / "pipeline"))
from small_task import make_task, write_demo

__all__ = ["make_run", "make_task", "write_demo"]


def make_run(space: Workspace, name: str) -> Run:
    """Make a run of one success that was cut off."""
    run = Run(space, space.run(name), seed=3)
    run.begin()
    summary = EpisodeSummary(Outcome.SUCCESS, 8, 0.8, 0, True, True)
    run.progress.count(summary)
    run.on_episode(summary, [], silent)
    return run
