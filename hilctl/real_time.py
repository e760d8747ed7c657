"""The first word on this computer's processor cores, for what drives a robot."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

LOWEST_REAL_TIME = 1  # above all ordinary programs, below what drives the robot's own controller
REAL_TIME = (os.SCHED_RR, os.SCHED_FIFO)


@contextmanager
def before_others() -> Iterator[None]:
    """Let this process's threads run before ordinary programs meanwhile, where that is permitted.

    A process that does so anyway is left as it is.
    """
    does_so = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK in REAL_TIME
    permitted = not does_so and become_real_time()
    try:
        yield
    finally:
        if permitted:
            become_ordinary()


def become_real_time() -> bool:
    """Let every thread that this process has now run before ordinary programs.

    Threads and programs that these start later are ordinary: what uploads figures or tries out a
    graphics library must not stand in the control loop's way.

    Returns:
        Whether this person may do that; without, other programs can delay the control loop.
    """
    try:
        _schedule(os.SCHED_RR, LOWEST_REAL_TIME)
    except OSError:  # not this person, or not in this container
        return False
    return True


def become_ordinary() -> None:
    """Undo `become_real_time`."""
    _schedule(os.SCHED_OTHER, 0)


def _schedule(policy: int, priority: int) -> None:
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            if os.sched_getparam(int(thread)).sched_priority > LOWEST_REAL_TIME:
                continue  # it drives a robot's own controller
            # who may not do more than this may not take the flag back either
            flagged = policy | os.SCHED_RESET_ON_FORK
            os.sched_setscheduler(int(thread), flagged, os.sched_param(priority))
