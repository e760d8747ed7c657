"""Nobody goes on with a run while processes of a killed command still save what they have."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hilctl.errors import FolderBusyError
from hilctl.task.files import os_errors
from hilctl.task.locks import locked
from hilctl.task.regular_files import open_lock

FILE = ".hilctl.processes.lock"
PATIENCE_S = 60.0
POLL_S = 0.1


@contextmanager
def present(root: Path) -> Iterator[None]:
    """Be one of the processes that write to a task folder; the kernel notices the end of it.

    Raises:
        HilctlError: the folder cannot be written.
    """
    with _opened(root) as descriptor, locked(descriptor, fcntl.LOCK_SH):
        yield


def wait_until_all_have_left(root: Path, patience_s: float = PATIENCE_S) -> None:
    """Return when no process of an earlier command writes to a task folder any more.

    Raises:
        FolderBusyError: one still does after `patience_s`.
        HilctlError: the folder cannot be written.
    """
    deadline = time.monotonic() + patience_s
    with _opened(root) as descriptor:
        while True:
            try:
                with locked(descriptor, fcntl.LOCK_EX):
                    return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise FolderBusyError(
                        "processes of an earlier `hilctl train` still write to this folder",
                        where=str(root),
                        hint=_how_to_end(_others(descriptor), root / FILE),
                    ) from None
                time.sleep(POLL_S)


def _others(descriptor: int) -> list[int]:
    """Return the ids of all other processes that have the file of a descriptor open.

    Those of other people cannot be seen. /proc/locks would name a device that not every file
    system gives its files.
    """
    file = os.fstat(descriptor)
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):  # it has ended or was closed meanwhile
            if os.path.samestat(link.stat(), file):
                found.add(int(link.parts[2]))
    return sorted(found - {os.getpid()})


def _how_to_end(pids: list[int], file: Path) -> str:
    if pids:
        return f"end them: kill {' '.join(map(str, pids))}"
    return f"they are another person's; find them: {shlex.join(['sudo', 'fuser', str(file)])}"


@contextmanager
def _opened(root: Path) -> Iterator[int]:
    file = root / FILE
    with os_errors(file):
        descriptor = open_lock(file)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
