"""`hilctl bench loop` ends with every figure, and says in words what each of them is."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

PATIENCE_S = 600
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


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE_S + 60)
@pytest.mark.parametrize("robot", ["serve-sim", "franky-sim"])
def test_the_loop_is_measured_over_sockets(robot: str) -> None:
    if robot == "franky-sim" and not (find_spec("franky") and find_spec("franky_sim")):
        pytest.skip("franky-control and franky-sim are for x86-64 Linux")
    done = subprocess.run(
        [sys.executable, "-m", "hilctl", "bench", "loop", "--loop-s", "3", "--robot", robot],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    told = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line}
    for name in figures_of(robot):
        value, *words = told[name]
        assert float(value) >= 0
        assert words
    assert any("20 Hz" in " ".join(words) for words in told.values())
