"""`hilctl bench methods` on a small task, killed in the middle of a training."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from processes import (
    FEW_LABELS,
    SHORT,
    THUMBNAILS,
    TINY_CAMERAS,
    Start,
    eventually,
    make_task,
    until,
)

OPERATOR_STEPS, MAX_STEPS = 12, 260


@pytest.mark.slow
def test_a_comparison_goes_on_where_it_was_killed(tmp_path: Path, start: Start) -> None:
    changes = TINY_CAMERAS | FEW_LABELS | SHORT | THUMBNAILS
    changes["max_robot_minutes: 20"] = "max_robot_minutes: 2"
    space = make_task(tmp_path / "reach", "sim-reach", changes, demos="3", max_episode_s="2")
    folder = tmp_path / "methods"
    command = [
        *("bench", "methods", "--tasks", str(space.root), "--algorithms", "full,neither"),
        *("--seeds", "1", "--max-steps", str(MAX_STEPS), "--operator-steps", str(OPERATOR_STEPS)),
        *("--episodes", "2", "--workers", "1", "--dir", str(folder)),
    ]
    running = start(space, *command)
    until(running, lambda event: event.get("cell") == "reach_seed0_full")
    cell = folder / "cells" / "reach_seed0_full"
    tries = range(5)  # a minute each: its programs may have to be compiled first
    assert any(eventually(lambda: len([*cell.glob("runs/*/episodes/*.hdf5")]) > 2) for _ in tries)
    running.kill(signal.SIGKILL)
    running.finish()
    recorded = (folder / "logs" / "reach_seed0.txt").stat().st_mtime_ns
    code, lines, talk = start(space, *command).finish()
    assert code == 0, talk
    assert (folder / "logs" / "reach_seed0.txt").stat().st_mtime_ns == recorded
    assert len([*cell.glob("runs/*")]) == 1
    rows = {row["algorithm"]: row for row in lines[-1]["methods"]}
    assert not lines[-1]["failed"]
    assert rows["full"]["robot_steps"] >= MAX_STEPS
    assert 0 < rows["full"]["intervention_steps"] <= OPERATOR_STEPS
    assert rows["neither"]["intervention_steps"] == 0
    assert {row["episodes"] for row in rows.values()} == {2}
    assert (folder / "methods.html").exists()
