"""Locks that the kernel frees on death, also for folders whose file system has none."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

# NFS without its lock service, Lustre mounted without `flock`, SMB
NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})
# not TMPDIR, which may differ between two commands, or lie on the same network
LOCAL_FOLDERS = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))


@contextmanager
def locked(descriptor: int, operation: int) -> Iterator[None]:
    """Hold a lock on an open file, without waiting for it.

    Where its file system has no locks, a file of this computer's own stands in: then commands on
    other computers are not kept out.

    Args:
        descriptor: of the file; closing it frees the lock, too.
        operation: `fcntl.LOCK_EX` or `fcntl.LOCK_SH`.

    Raises:
        BlockingIOError: somebody else holds it.
        OSError: there are no locks anywhere.
    """
    with ExitStack() as held:
        try:
            fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            held.callback(os.close, _locked_stand_in(descriptor, operation, error))
        yield


def _locked_stand_in(descriptor: int, operation: int, error: OSError) -> int:
    about = os.fstat(descriptor)
    name = f"hilctl-{os.getuid()}-{about.st_dev:x}-{about.st_ino:x}.lock"
    for folder in LOCAL_FOLDERS:
        try:
            stand_in = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError:
            continue
        try:
            fcntl.flock(stand_in, operation | fcntl.LOCK_NB)
        except OSError as refused:
            os.close(stand_in)
            if isinstance(refused, BlockingIOError):
                raise
            continue
        return stand_in
    raise error
