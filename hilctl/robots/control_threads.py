"""Threads of vendors' libraries that keep an arm's control going, a millisecond at a time.

A library starts one with a motion. As an ordinary thread it would wait for the episode loop, which
in training runs before ordinary programs, and with it the arm's stop.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

THREADS = Path("/proc/self/task")
# above the episode loop's in `train`; where real time is enforced, libfranka sets its own
PRIORITY = 10


@contextmanager
def driving() -> Iterator[None]:
    """Let threads that are started meanwhile run before all else, where that is permitted.

    They wait for their controller in each millisecond, and take next to nothing from others.
    """
    before = _threads()
    yield
    for thread in _threads() - before:
        with suppress(OSError):  # it has ended, or this person may not
            if os.sched_getparam(thread).sched_priority < PRIORITY:
                os.sched_setscheduler(thread, os.SCHED_RR, os.sched_param(PRIORITY))


def _threads() -> set[int]:
    """Return the threads of this process; none where the system does not tell."""
    with suppress(OSError):
        return {int(entry.name) for entry in THREADS.iterdir()}
    return set()
