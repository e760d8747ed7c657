"""`hilctl bench loop` ends with every figure, and says in words what each of them is."""

from __future__ import annotations

import subprocess
import sys

import pytest

PATIENCE_S = 600
FIGURES = [
    *("http_late_periods_10hz_pct", "http_late_periods_20hz_pct"),
    *("http_periods_10hz", "http_periods_20hz"),
    *("http_worst_period_10hz_ms", "http_worst_period_20hz_ms"),
    *("http_frame_age_p99_10hz_ms", "http_frame_age_p99_20hz_ms"),
    *("command_p50_ms", "command_p99_ms", "second_arm_p50_ms", "second_arm_p99_ms"),
]


@pytest.mark.slow
def test_the_loop_over_the_network_is_measured() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hilctl", "bench", "loop", "--loop-s", "3"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    told = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line}
    for name in FIGURES:
        value, *words = told[name]
        assert float(value) >= 0
        assert words
    assert "20 Hz" in " ".join(told["http_worst_period_20hz_ms"])
