"""The best policy of a run, kept beside the last one, and going back to it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from hilctl.data.arrays import load_arrays
from hilctl.errors import BROKEN, DamagedDataError, MissingStageError
from hilctl.pipeline.run_folder.manifest import (
    MANIFEST,
    KeptPolicy,
    kept_file,
    kept_policy,
    run_manifest,
    write_manifest,
)
from hilctl.pipeline.run_folder.run import CHECKPOINTS, Run
from hilctl.task.files import os_errors
from hilctl.task.names import plain_name
from hilctl.task.regular_files import LARGE_BYTES, read_regular
from hilctl.task.workspace import Workspace

BEST = "best"


def best_policy(run: Path) -> KeptPolicy | None:
    """Return what is known of a run's best policy, if there is one.

    Raises:
        DataError: its file is damaged.
    """
    return kept_policy(run / CHECKPOINTS / BEST)


def run_with_best(workspace: Workspace, run: Path | None) -> Path:
    """Return the run whose best policy is meant: one that is named, else the newest that has one.

    Raises:
        MissingStageError: there is none; names a run that has one.
    """
    having = [one for one in workspace.all_runs() if kept_file(one / CHECKPOINTS / BEST)]
    if run is None and having:
        return having[-1]
    if run is None:
        raise _no_best("no run has a best policy yet", workspace.runs, workspace.command("train"))
    if run not in having:
        others = [f"--best --run {one.name}" for one in having[-1:]]
        hint = workspace.command(" ".join(["eval", *(others or ["--run", run.name])]))
        raise _no_best(f"run {run.name} has no best policy", run, hint)
    return run


def roll_back(run: Run) -> KeptPolicy:
    """Make the best policy of a run its last one, and return what is known of it.

    Episodes stay as they are. What was learnt since then is not learnt again: it led away from
    there. A run that is finished stays so.

    Raises:
        MissingStageError: the run has no best policy.
        HilctlError: the disk is full or the folder cannot be written.
    """
    from hilctl.training.checkpoints import write_checkpoint  # imports JAX: 0.6 s

    folder, best = run.folder / CHECKPOINTS, best_policy(run.folder)
    file = kept_file(folder / BEST)
    if best is None or file is None:
        raise _no_best(
            f"run {run.folder.name} has no best policy yet",
            run.folder,
            run.workspace.command("train"),
        )
    about, weights = _read(file, best)
    about |= {
        "rolled_back_from_robot_steps": about["robot_steps"],
        "robot_steps": run.progress.robot_steps,
    }
    # under its own name: what was measured of the last policy does not pass for this one's
    kept = write_checkpoint(folder, weights, about, name=file.stem)
    manifest = run_manifest(run.folder)
    if manifest is not None:
        checkpoint = f"{CHECKPOINTS}/{kept.name}"
        changed = manifest.model_copy(update={"checkpoint": checkpoint})
        write_manifest(run.folder / MANIFEST, changed)
    return best


def _no_best(message: str, where: Path, hint: str) -> MissingStageError:
    why = "a policy is kept as the best when it does well on trial, near the target"
    return MissingStageError(f"{message}: {why}", where=str(where), hint=hint)


def _read(file: Path, best: KeptPolicy) -> tuple[dict[str, Any], bytes]:
    """Return a checkpoint's description and weights, once they are known to be whole."""
    about = best.model_dump()
    try:
        weights_file = file.parent / plain_name(about["weights"])
        with os_errors(weights_file):
            weights = read_regular(weights_file, LARGE_BYTES)
        load_arrays(io.BytesIO(weights))
        about["learner"] = {**about["learner"], "owed_steps": 0}
    except BROKEN as error:
        hint = "go on from the last policy: hilctl train"
        raise DamagedDataError(
            f"the best policy is damaged: {error}", where=str(file), hint=hint
        ) from error
    return about, weights
