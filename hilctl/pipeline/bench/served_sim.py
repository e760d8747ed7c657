"""`hilctl serve-sim` in a process of its own, with two cameras at 30 Hz."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hilctl.errors import HilctlError

PICTURES = ("--size", "320x240", "--rate-hz", "30")
START_S, LEAVE_S = 60.0, 10.0
LEASE_S = 3600.0  # it does not serve for ever where whoever started it was killed


@dataclass(frozen=True)
class RigAddresses:
    """Where a rehearsed rig is: its arms and its cameras, by name."""

    arms: dict[str, str]
    cameras: dict[str, str]


@contextmanager
def served(scene: str, busy_s: float = 0.0) -> Iterator[RigAddresses]:
    """Run `hilctl serve-sim` with two cameras at 30 Hz.

    Args:
        scene: of the simulator.
        busy_s: how long training with it will last, besides what is made ready for it.

    Raises:
        HilctlError: it does not start.
    """
    command = [sys.executable, "-m", "hilctl", "serve-sim", "--scene", scene, "--port", "0"]
    limit = ("--seconds", str(LEASE_S + busy_s))
    with tempfile.TemporaryFile() as talk:
        process = subprocess.Popen(
            [*command, *PICTURES, *limit, "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=talk,
            text=True,
        )
        assert process.stdout is not None
        try:
            ready = select.select([process.stdout], [], [], START_S)[0]
            line = process.stdout.readline() if ready else ""
            if not line:
                talk.seek(0)
                raise HilctlError(
                    f"serve-sim does not start: {talk.read().decode(errors='replace')}"
                )
            told = json.loads(line)
            yield RigAddresses(told["arms"], told["cameras"])
        finally:
            process.terminate()
            try:
                process.communicate(timeout=LEAVE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
