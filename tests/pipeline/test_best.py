"""Going back to the best policy of a run."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from hilctl.errors import MissingStageError
from hilctl.pipeline.best import best_checkpoint, best_success, roll_back
from hilctl.pipeline.run import Run
from hilctl.task import scaffold
from hilctl.task.workspace import Workspace


@pytest.fixture
def run(tmp_path: Path) -> Run:
    template = scaffold.find_template("sim-reach")
    scaffold.create(template, tmp_path / "ball", template.answers({}))
    folder = tmp_path / "ball" / "runs" / "one"
    (folder / "checkpoints" / "best").mkdir(parents=True)
    return Run(Workspace(tmp_path / "ball"), folder, seed=0)


def weights_of(steps: int) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, steps=np.array(steps))
    return buffer.getvalue()


def write(folder: Path, steps: int, success: float) -> None:
    name = f"step_{steps:07d}"
    (folder / f"{name}.npz").write_bytes(weights_of(steps))
    about = {
        "weights": f"{name}.npz",
        "robot_steps": steps,
        "autonomous_success_last20": success,
        "learner": {"owed_steps": 3, "updates": 10 * steps},
    }
    (folder / f"{name}.json").write_text(json.dumps(about))


def test_the_best_becomes_the_last_and_nothing_since_then_is_owed(run: Run) -> None:
    folder = run.folder / "checkpoints"
    write(folder / "best", 400, 0.9)
    write(folder, 900, 0.2)
    run.progress.robot_steps = 950
    file = roll_back(run)
    assert [path.name for path in folder.glob("step_*.json")] == [file.name]
    about = json.loads(file.read_text())
    assert (folder / about["weights"]).read_bytes() == weights_of(400)
    assert (about["robot_steps"], about["rolled_back_from_robot_steps"]) == (950, 400)
    assert about["learner"] == {"owed_steps": 0, "updates": 4000}
    assert best_checkpoint(run.folder) is not None
    assert best_success(run.folder) == 0.9


def test_without_a_best_there_is_nothing_to_go_back_to(run: Run) -> None:
    write(run.folder / "checkpoints", 900, 0.2)
    assert best_success(run.folder) == 0.0
    with pytest.raises(MissingStageError, match="no best policy"):
        roll_back(run)
    assert run.checkpoint is not None
