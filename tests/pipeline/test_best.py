"""Going back to the best policy of a run."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from hilctl.errors import MissingStageError
from hilctl.pipeline.run_folder.best import best_policy, roll_back, run_with_best
from hilctl.pipeline.run_folder.run import Run
from hilctl.task import scaffold
from hilctl.task.workspace import Workspace


@pytest.fixture
def run(tmp_path: Path) -> Run:
    template = scaffold.find_template("sim-reach")
    scaffold.create(template, tmp_path / "ball", template.answers({}))
    folder = tmp_path / "ball" / "runs" / "one"
    folder.mkdir(parents=True)
    return Run(Workspace(tmp_path / "ball"), folder, seed=0)


def weights_of(steps: int) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, steps=np.array(steps))
    return buffer.getvalue()


def write(folder: Path, steps: int, **record: int) -> None:
    name = f"step_{steps:07d}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.npz").write_bytes(weights_of(steps))
    about = {
        "weights": f"{name}.npz",
        "robot_steps": steps,
        "updates": 10 * steps,
        "learner": {"owed_steps": 3, "updates": 10 * steps},
    }
    (folder / f"{name}.json").write_text(json.dumps(about | record))


def test_the_best_becomes_the_last_and_nothing_since_then_is_owed(run: Run) -> None:
    folder = run.folder / "checkpoints"
    write(folder / "best", 400, trial_successes=18, trial_failures=1)
    write(folder, 900)
    run.begin()
    run.progress.robot_steps = 950
    back = roll_back(run)
    assert (back.robot_steps, back.record) == (400, "18 of 19 successes on trial")
    (file,) = folder.glob("step_*.json")
    about = json.loads(file.read_text())
    assert (folder / about["weights"]).read_bytes() == weights_of(400)
    assert (about["robot_steps"], about["rolled_back_from_robot_steps"]) == (950, 400)
    assert about["learner"] == {"owed_steps": 0, "updates": 4000}
    assert best_policy(run.folder) == back
    manifest = json.loads((run.folder / "manifest.json").read_text())
    assert run.folder / manifest["checkpoint"] == file


def test_what_was_measured_of_the_last_policy_does_not_pass_for_the_best(run: Run) -> None:
    folder = run.folder / "checkpoints"
    write(folder / "best", 400)
    write(folder, 900)
    run.progress.robot_steps = 900
    before = run.checkpoint
    roll_back(run)
    assert before is not None
    assert run.checkpoint is not None
    assert run.checkpoint.name != before.name


def test_without_a_best_there_is_nothing_to_go_back_to(run: Run) -> None:
    write(run.folder / "checkpoints", 900)
    assert best_policy(run.folder) is None
    with pytest.raises(MissingStageError, match="no best policy"):
        roll_back(run)
    assert run.checkpoint is not None


def test_the_best_policy_is_found_in_the_newest_run_that_has_one(run: Run) -> None:
    space = run.workspace
    write(run.folder / "checkpoints" / "best", 400)
    newer = space.run("two")
    write(newer / "checkpoints", 900)
    assert run_with_best(space, None) == run.folder
    with pytest.raises(MissingStageError, match="run two has no best policy") as caught:
        run_with_best(space, newer)
    assert "--best --run one" in str(caught.value.hint)


def test_without_any_best_policy_it_is_said_how_one_comes_about(run: Run) -> None:
    with pytest.raises(MissingStageError, match="on trial, near the target") as caught:
        run_with_best(run.workspace, None)
    assert "hilctl train" in str(caught.value.hint)
