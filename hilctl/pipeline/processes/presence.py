"""Nobody goes on with a run while processes of a killed command still save what they have."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hilctl.errors import FolderBusyError
from hilctl.task.files import os_errors
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
    with _opened(root) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
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
                return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise FolderBusyError(
                        "processes of an earlier `hilctl train` still write to this folder",
                        where=str(root),
                        hint="end them: pkill -f 'hilctl train'",
                    ) from None
                time.sleep(POLL_S)


@contextmanager
def _opened(root: Path) -> Iterator[int]:
    file = root / FILE
    with os_errors(file):
        descriptor = open_lock(file)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
