"""A finished policy at work: counted and told, never taken for an evaluation."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest
from processes import Running, Start

from hilctl.task.workspace import Workspace


@pytest.fixture(scope="module")
def trained(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A task with a policy, however bad."""
    from hilctl.cli.app import run

    folder = Path(shutil.copytree(recorded, tmp_path_factory.mktemp("trained") / "task"))
    assert run(["train", "--lockstep", "--task", str(folder)]) == 0
    return folder


@pytest.fixture
def space(trained: Path, tmp_path: Path) -> Workspace:
    return Workspace(Path(shutil.copytree(trained, tmp_path / "task")))


def files(space: Workspace) -> set[Path]:
    return {path for path in space.root.rglob("*") if path != space.lock_file}


def episode(running: Running) -> dict[str, object]:
    while (event := running.event()).get("event") != "episode":
        pass
    return event


def test_it_counts_and_leaves_nothing_with_the_run(space: Workspace, start: Start) -> None:
    before = files(space)
    (run,) = space.all_runs()
    code, lines, talk = start(space, "run", "-n", "3", "--run", run.name).finish()
    assert code == 0, talk
    result = lines[-1]
    assert result["episodes"] == 3 == result["successes"] + result["failures"]
    assert [line["episode"] for line in lines if line.get("event") == "episode"] == [1, 2, 3]
    assert Path(result["checkpoint"]).parent.parent.name == run.name
    assert not {"ci95", "success_rate"} & result.keys()
    assert "episodes: 3 in" in talk
    assert files(space) == before
    assert not (run / "eval.json").exists()


def test_without_a_number_it_goes_on_until_ctrl_c(space: Workspace, start: Start) -> None:
    running = start(space, "run")
    episode(running), episode(running)
    running.kill(signal.SIGINT)
    code, lines, _ = running.finish()
    assert code == 130
    stopped = next(line for line in lines if line.get("event") == "stopped")
    assert stopped["episodes"] >= 2
    assert lines[-1]["error"]["next"] == "hilctl run --json"
