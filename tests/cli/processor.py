"""What commands cost of a processor, however busy the computer is."""

from __future__ import annotations

import resource


def seconds_of_children() -> float:
    """Return the processor seconds of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
