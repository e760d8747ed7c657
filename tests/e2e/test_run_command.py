"""A finished policy at work: counted and told, never taken for an evaluation."""

from __future__ import annotations

import signal
from pathlib import Path

from processes import Ask, Running, Start

from hilctl.task.workspace import Workspace


def files(space: Workspace) -> set[Path]:
    return {path for path in space.root.rglob("*") if path != space.lock_file}


def episode(running: Running) -> dict[str, object]:
    while (event := running.event()).get("event") != "episode":
        pass
    return event


def test_it_counts_and_leaves_nothing_with_the_run(finished: Workspace, ask: Ask) -> None:
    before = files(finished)
    (run,) = finished.all_runs()
    code, lines, talk = ask(finished, "run", "-n", "3", "--run", run.name)
    assert code == 0, talk
    result = lines[-1]
    assert result["episodes"] == 3 == result["successes"] + result["failures"]
    assert [line["episode"] for line in lines if line.get("event") == "episode"] == [1, 2, 3]
    assert Path(result["checkpoint"]).parent.parent.name == run.name
    assert not {"ci95", "success_rate"} & result.keys()
    assert "episodes: 3 in" in talk
    assert files(finished) == before
    assert not (run / "eval.json").exists()


def test_without_a_number_it_goes_on_until_ctrl_c(finished: Workspace, start: Start) -> None:
    running = start(finished, "run")
    episode(running), episode(running)
    running.kill(signal.SIGINT)
    code, lines, _ = running.finish()
    assert code == 130
    stopped = next(line for line in lines if line.get("event") == "stopped")
    assert stopped["episodes"] >= 2
    assert lines[-1]["error"]["next"] == "hilctl run --json"
