"""Record until the disk is full, say what happened, and end in peace.

A second argument makes it full for files of that many bytes.
"""

from __future__ import annotations

import resource
import signal
import sys
from pathlib import Path

from episode_samples import ATTRIBUTES, make_steps, make_summary

from hilctl.data.recorder import EpisodeRecorder
from hilctl.errors import DataError


def record(directory: Path) -> None:
    """Record ever longer episodes."""
    recorder = EpisodeRecorder(directory, kind="demo", attributes=ATTRIBUTES)
    for length in range(5, 10_000, 7):
        recorder.on_episode_start()
        for step in make_steps(length, size=(48, 48)):
            recorder.on_step(step)
        recorder.on_episode_end(make_summary())
        sys.stdout.write(f"{recorder.committed[-1].name}\n")


if len(sys.argv) > 2:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    record(Path(sys.argv[1]))
except DataError as error:
    sys.stdout.write(f"error: {error.message}\n")
