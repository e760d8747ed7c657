"""What of this computer the acting and the learning process may use."""

from __future__ import annotations

import os

LEARNER_NICENESS = 10
LOWEST_REAL_TIME = 1  # above all ordinary programs, below what drives the robot


def take_share(role: str) -> None:
    """Give the actor the first quarter of the processor cores and the first word on them.

    The learner gets the other cores, or on a single one what the actor does not want. XLA makes as
    many threads as it finds cores when it starts, and threads inherit all this, so it comes before
    JAX.

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
    """Let this thread, and those it starts, run before ordinary programs.

    Returns:
        Whether this person may do that; without, other programs can delay the control loop.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(LOWEST_REAL_TIME))
    except OSError:  # not this person, or not in this container
        return False
    return True


def become_ordinary() -> None:
    """Undo `become_real_time`."""
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
