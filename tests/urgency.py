"""Who goes before ordinary programs, and whether that is permitted here."""

from __future__ import annotations

import os
import subprocess
import sys

ASK = "import os; os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))"


def may_go_first() -> bool:
    """Return whether this person may have a process do so."""
    trial = [sys.executable, "-c", ASK]
    return subprocess.run(trial, stderr=subprocess.DEVNULL, timeout=60).returncode == 0


def goes_first(thread: int = 0) -> bool:
    """Return whether a thread or the first one of a process does; 0 = this one."""
    return os.sched_getscheduler(thread) & ~os.SCHED_RESET_ON_FORK == os.SCHED_RR
