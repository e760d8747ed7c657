"""How soon the command line answers."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from hilctl.pipeline.bench.timing import in_turn_s
from hilctl.pipeline.events import Event, Report

ROUNDS = 9
PATIENCE_S = 60.0
# the same library with one command that does nothing
BARE = "import typer; app = typer.Typer(); app.command()(lambda: None); app(['--help'])"


def bench_start(report: Report) -> dict[str, float]:
    """Return how long `hilctl --help` takes, in ms and over that of a program that does nothing.

    Args:
        report: told what is being measured.
    """
    report(Event("bench", "the command line's start"))
    times_s = in_turn_s(
        {"help": lambda: _run("-m", "hilctl", "--help"), "bare": lambda: _run("-c", BARE)}, ROUNDS
    )
    return {
        "help_ms": float(np.median(times_s["help"])) * 1e3,
        "help_over_bare_typer": float(np.median(times_s["help"] / times_s["bare"])),
    }


def _run(*arguments: str) -> None:
    command = [sys.executable, *arguments]
    subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=True)
