"""What of this computer the acting and the learning process may use."""

from __future__ import annotations

import os

from hilctl.real_time import become_real_time

LEARNER_NICENESS = 10


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
