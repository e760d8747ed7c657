"""Open what lies in a folder without trusting it: regular files only, and only so much of them.

A pipe would wait for its other end for ever, a device has no end, and a link may lead anywhere.
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

SMALL_BYTES = 16 * 2**20  # JSON and the like: a thousand times what hilctl writes
LARGE_BYTES = 4 * 2**30  # weights and arrays


class NotRegularError(OSError):
    """What lies there is not a regular file of a reasonable size."""


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading, without ever waiting.

    Raises:
        OSError: there is none, it may not be read, or it is no regular file.
    """
    return os.fdopen(_open(path, os.O_RDONLY), "rb")


def require_regular(path: Path) -> None:
    """Check that a library that opens files by itself may open this one.

    Raises:
        OSError: there is none, it may not be read, or it is no regular file.
    """
    os.close(_open(path, os.O_RDONLY))


def read_regular(path: Path, at_most: int = SMALL_BYTES) -> bytes:
    """Return the content of a regular file.

    Raises:
        OSError: there is none, it may not be read, it is no regular file, or larger than
            `at_most` bytes.
    """
    with open_regular(path) as stream:
        if os.fstat(stream.fileno()).st_size <= at_most:
            content = stream.read(at_most + 1)
            if len(content) <= at_most:
                return content
    raise NotRegularError(f"it is larger than {at_most // 2**10} KiB")


def open_lock(path: Path) -> int:
    """Return the descriptor of a lock file, made if missing; what else lies there stays as it is.

    Raises:
        OSError: it cannot be made or written, or it is a link or no regular file.
    """
    if path.is_symlink():
        raise NotRegularError("it is a link to another file: remove it")
    descriptor = _open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW)
    if os.fstat(descriptor).st_nlink > 1:
        os.close(descriptor)
        raise NotRegularError("it is a link to another file: remove it")
    return descriptor


def _open(path: Path, flags: int) -> int:
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket
            raise NotRegularError("it is no regular file") from error
        raise
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise NotRegularError("it is no regular file")
