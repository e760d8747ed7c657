"""The processor's cores, shared out between comparisons that run at the same time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hilctl.task.locks import LOCAL_FOLDERS, locked


@contextmanager
def held_cores(
    available: Sequence[int], count: int, *, folder: Path = LOCAL_FOLDERS[0]
) -> Iterator[list[int]]:
    """Hold cores that no other comparison of this user holds, as far as there are any.

    Two comparisons that both took the first core would have half of it each, and the others idle.

    Args:
        available: numbers of the cores that this process may use.
        count: how many are wanted; beyond those that are free, cores are shared.
        folder: where locks tell of it, which the kernel frees on death.
    """
    with ExitStack() as held:
        cores: list[int] = []
        for core in available:
            if len(cores) < count and _is_free(core, folder, held):
                cores.append(core)
        shared = [core for core in available if core not in cores] or list(available)
        missing = count - len(cores)
        yield cores + [shared[i % len(shared)] for i in range(missing)]


def _is_free(core: int, folder: Path, held: ExitStack) -> bool:
    """Return whether nobody holds a core, and hold it."""
    name = f"hilctl-{os.getuid()}-core-{core}.lock"
    try:
        descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError:
        return True  # there is no place to tell others
    held.callback(os.close, descriptor)
    try:
        held.enter_context(locked(descriptor, fcntl.LOCK_EX))
    except BlockingIOError:
        return False
    except OSError:  # nor a lock
        return True
    return True
