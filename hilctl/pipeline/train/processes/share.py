"""What of this computer the acting and the learning process may use."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

LEARNER_NICENESS = 10
LOWEST_REAL_TIME = 1  # above all ordinary programs, below what drives the robot


def take_share(role: str) -> None:
    """Give the actor the first quarter of the processor cores and the first word on them.

    The learner gets the other cores, or on a single one what the actor does not want. XLA makes as
    many threads as it finds cores when it starts, and threads inherit cores and niceness, so this
    comes before JAX. The first word they do not inherit: see `become_real_time`.

    Args:
        role: of this process, "actor" or "learner".
    """
    cores = sorted(os.sched_getaffinity(0))
    actors = max(1, len(cores) // 4)
    if len(cores) > 1:
        os.sched_setaffinity(0, cores[:actors] if role == "actor" else cores[actors:])
    if role == "learner":
        os.nice(LEARNER_NICENESS)
    else:
        become_real_time()


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


@contextlib.contextmanager
def before_others() -> Iterator[None]:
    """Let this process's threads run before ordinary programs meanwhile, where that is permitted.

    What is measured so is measured as training would do it.
    """
    permitted = become_real_time()
    try:
        yield
    finally:
        if permitted:
            become_ordinary()


def _schedule(policy: int, priority: int) -> None:
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            if os.sched_getparam(int(thread)).sched_priority > LOWEST_REAL_TIME:
                continue  # it drives a robot
            # who may not do more than this may not take the flag back either
            flagged = policy | os.SCHED_RESET_ON_FORK
            os.sched_setscheduler(int(thread), flagged, os.sched_param(priority))
