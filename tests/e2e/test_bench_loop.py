"""`hilctl bench` ends with every figure; those of the loop are told in words."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

from hilctl.task.templates import template_folders

PATIENCE_S = 1200
RATES_HZ = (10, 20)


def figures_of(robot: str) -> list[str]:
    over = {"serve-sim": "http", "franky-sim": "franky"}[robot]
    figures = [
        f"{over}_{figure}_{rate_hz}hz{unit}"
        for figure, unit in [
            ("late_periods", "_pct"),
            ("periods", ""),
            ("worst_period", "_ms"),
            ("frame_age_p99", "_ms"),
        ]
        for rate_hz in RATES_HZ
    ]
    if robot == "serve-sim":
        commands = ["command_p50_ms", "command_p99_ms", "second_arm_p50_ms", "second_arm_p99_ms"]
    else:
        commands = ["franky_command_p50_ms", "franky_command_p99_ms"]
    return [*figures, *commands]


def bench(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "hilctl", "bench", *words],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE_S + 60)
def test_this_machine_and_every_simulated_task_are_measured() -> None:
    figures = json.loads(bench("--json").splitlines()[-1])
    tasks = [folder.name for folder in template_folders() if folder.name.startswith("sim-")]
    for task in tasks:
        scene = task.removeprefix("sim-").replace("-", "_")
        assert figures[f"sim_{scene}_steps_per_s"] > 1
    for brought in ("gripper", "second_arm", "second_arm_grippers"):
        assert 0.5 < figures[f"learner_{brought}_ratio"] < 5


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE_S + 60)
@pytest.mark.parametrize("robot", ["serve-sim", "franky-sim"])
def test_the_loop_is_measured_over_sockets(robot: str) -> None:
    if robot == "franky-sim" and not (find_spec("franky") and find_spec("franky_sim")):
        pytest.skip("franky-control and franky-sim are for x86-64 Linux")
    out = bench("loop", "--loop-s", "3", "--robot", robot)
    told = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line}
    for name in figures_of(robot):
        value, *words = told[name]
        assert float(value) >= 0
        assert words
    assert any("20 Hz" in " ".join(words) for words in told.values())
