"""The best policy of a run, kept beside the last one, and going back to it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from pydantic import Field, FiniteFloat

from hilctl.data.arrays import load_arrays
from hilctl.errors import DamagedDataError, DataError, MissingStageError
from hilctl.pipeline.manifest import Manifest, read_manifest
from hilctl.pipeline.run import CHECKPOINTS, Run
from hilctl.task.files import os_errors, write_bytes_atomic, write_json_atomic
from hilctl.task.names import plain_name
from hilctl.task.regular_files import LARGE_BYTES, read_regular

BEST = "best"


class Best(Manifest):
    """The JSON file of a best checkpoint."""

    weights: str
    robot_steps: int
    autonomous_success_last20: FiniteFloat = Field(ge=0, le=1)
    learner: dict[str, Any]


def best_checkpoint(run: Path) -> Path | None:
    """Return the JSON file of a run's best checkpoint, if there is one."""
    return max((run / CHECKPOINTS / BEST).glob("step_*.json"), default=None)


def best_success(run: Path) -> float:
    """Return the untouched success of a run's best checkpoint; 0 when there is none to trust."""
    file = best_checkpoint(run)
    try:
        about = read_manifest(Best, file) if file else None
    except DataError:  # the next one that is good takes its place
        return 0.0
    return about.autonomous_success_last20 if about else 0.0


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
    folder = run.folder / CHECKPOINTS
    about, weights = _read(best)
    name = f"step_{run.progress.robot_steps:07d}"
    about |= {
        "weights": f"{name}.npz",
        "rolled_back_from_robot_steps": about["robot_steps"],
        "robot_steps": run.progress.robot_steps,
        "learner": about["learner"] | {"owed_steps": 0},
    }
    for old in folder.glob("step_*.json"):  # a cut from here on leaves weights without a name
        old.unlink()
    write_bytes_atomic(folder / f"{name}.npz", weights)
    write_json_atomic(folder / f"{name}.json", about)
    return folder / f"{name}.json"


def _read(best: Path) -> tuple[dict[str, Any], bytes]:
    """Return a checkpoint's description and weights, once they are known to be whole."""
    about = read_manifest(Best, best)
    assert about is not None
    try:
        file = best.parent / plain_name(about.weights)
        with os_errors(file):
            weights = read_regular(file, LARGE_BYTES)
        load_arrays(io.BytesIO(weights))
    except ValueError as error:
        hint = "go on from the last policy: hilctl train"
        raise DamagedDataError(
            f"the best policy is damaged: {error}", where=str(best), hint=hint
        ) from error
    return about.model_dump(), weights
