"""The best policy of a run, kept beside the last one, and going back to it."""

from __future__ import annotations

import json
from pathlib import Path

from hilctl.errors import MissingStageError
from hilctl.pipeline.run import CHECKPOINTS, Run
from hilctl.task.files import os_errors
from hilctl.training.checkpoints import write_checkpoint

BEST = "best"


def best_checkpoint(run: Path) -> Path | None:
    """Return the JSON file of a run's best checkpoint, if there is one."""
    return max((run / CHECKPOINTS / BEST).glob("step_*.json"), default=None)


def best_success(run: Path) -> float:
    """Return the untouched success of a run's best checkpoint; 0 when there is none.

    Raises:
        HilctlError: it cannot be read.
    """
    file = best_checkpoint(run)
    if file is None:
        return 0.0
    with os_errors(file):
        return float(json.loads(file.read_text("utf-8"))["autonomous_success_last20"])


def roll_back(run: Run) -> Path:
    """Make the best checkpoint of a run its last one; episodes stay as they are.

    What was learnt since then is not learnt again: it led away from there.

    Raises:
        MissingStageError: the run has no best checkpoint.
        HilctlError: the disk is full or the folder cannot be written.
    """
    best = best_checkpoint(run.folder)
    if best is None:
        raise MissingStageError(
            f"run {run.folder.name} has no best policy yet: one is kept once 20 episodes "
            "were untouched",
            where=str(run.folder),
            hint=run.workspace.command("train"),
        )
    with os_errors(best):
        about = json.loads(best.read_text("utf-8"))
        weights = (best.parent / about["weights"]).read_bytes()
    about |= {
        "rolled_back_from_robot_steps": about["robot_steps"],
        "robot_steps": run.progress.robot_steps,
        "learner": about["learner"] | {"owed_steps": 0},
    }
    return write_checkpoint(run.folder / CHECKPOINTS, weights, about)
