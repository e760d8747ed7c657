"""Files that are never half written, and disk trouble in words."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hilctl.errors import ComputerError, DataError, HilctlError, UsageError
from hilctl.task.leftovers import temporary_beside

_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_PERMISSION = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NOT_A_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP})
# what SMB and some FUSE folders answer that keep no folder's entries back
_CANNOT_SYNC = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF})

_BROKEN_DISK = "the disk or its cable may be failing (dmesg tells more): copy the data elsewhere"
_RIGHTS = "check the folder's owner and rights (ls -ld), or choose another folder"
_READ_ONLY = "its file system is mounted read-only (findmnt -T tells which): choose another folder"
_NO_ANSWER = "see that the network folder is mounted and its server answers (df), then run it again"
_NO_LOCKS = "its file system has no locks: mount it with locks, or work on a disk of this computer"
_MANY_FILES = "allow more open files (ulimit -n 4096), or close other programs"
_IN_THE_WAY = "something else of that name is in the way: see what it is (ls -ld), and move it"
_MISPLACED = {
    **dict.fromkeys((errno.EEXIST, errno.ENOTDIR, errno.EISDIR), _IN_THE_WAY),
    errno.ELOOP: "its links lead in a circle: replace them",
}
_MEMORY = "close other programs (free -h shows what is left), then run it again"
_REMEDIES = {
    **dict.fromkeys((errno.EIO, errno.EREMOTEIO, errno.EUCLEAN, errno.ENXIO), _BROKEN_DISK),
    **dict.fromkeys((errno.ENODEV, errno.ENOMEDIUM), _BROKEN_DISK),
    **dict.fromkeys((errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.ECOMM), _NO_ANSWER),
    **dict.fromkeys((errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH), _NO_ANSWER),
    **dict.fromkeys((errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP), _NO_LOCKS),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), _MANY_FILES),
    **dict.fromkeys((errno.ENOMEM, errno.EAGAIN), _MEMORY),
    errno.EFBIG: "allow larger files (ulimit -f unlimited), or use another disk",
    errno.ENAMETOOLONG: "use a folder with a shorter name",
}


@contextlib.contextmanager
def os_errors(path: Path | None = None) -> Iterator[None]:
    """Turn disk trouble into words: full, not writable, not there.

    Args:
        path: that it is about, where the error itself does not say.

    Raises:
        HilctlError: in place of an OSError inside the block.
    """
    try:
        yield
    except OSError as error:
        raise explain_os_error(error, path) from error


def explain_os_error(error: Exception, path: Path | None = None) -> HilctlError:
    """Return the error a person can act on for one of the operating system."""
    where = str(getattr(error, "filename", None) or path or "") or None
    number = os_errno(error)
    if number in _DISK_FULL:
        return ComputerError(
            "the disk is full", where=where, hint="free some space (df -h), then run it again"
        )
    if number in _NO_PERMISSION:
        return UsageError(
            f"no permission for {where}",
            where=where,
            hint=_READ_ONLY if number == errno.EROFS else _RIGHTS,
        )
    reason = getattr(error, "strerror", None) if number is None else os.strerror(number)
    message = f"{where}: {reason or error}" if where else f"{reason or error}"
    if number is None or number in _NOT_A_FILE:
        return DataError(message, where=where, hint=_MISPLACED.get(number or 0))
    return ComputerError(message, where=where, hint=_REMEDIES.get(number, _BROKEN_DISK))


def explain_computer_error(error: BaseException) -> HilctlError | None:
    """Return what the computer lacks, in words; None when the error is not the computer's."""
    if isinstance(error, MemoryError):
        return ComputerError("there is not enough memory", hint=_MEMORY)
    theirs = _DISK_FULL | _NO_PERMISSION | _REMEDIES.keys()
    if isinstance(error, OSError) and os_errno(error) in theirs:
        return explain_os_error(error)
    return None


def is_computers(error: Exception) -> bool:
    """Return whether reading failed for the computer's sake, so that nothing is known of the file.

    Every number counts that the operating system may give, but those of files that are not there.
    """
    number = os_errno(error)
    return number is not None and number not in _NOT_A_FILE


def os_errno(error: Exception) -> int | None:
    """Return the number of an error of the operating system; HDF5 mentions it only in its text."""
    number = getattr(error, "errno", None)
    if number is None:
        found = re.search(r"errno = (\d+)", str(error))
        return int(found[1]) if found else None
    return int(number)


def write_bytes_atomic(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old or the new content, never a part.

    Raises:
        HilctlError: the disk is full or the folder cannot be written.
    """
    temporary = temporary_beside(path)
    with os_errors(path):
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                sync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            error.filename = str(path)  # nobody knows the temporary name
            raise
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)


def write_text_atomic(path: Path, text: str) -> None:
    """Write a text file in UTF-8, as `write_bytes_atomic` does."""
    write_bytes_atomic(path, text.encode("utf-8"))


def write_json_atomic(path: Path, value: Any) -> None:
    """Write a value as indented JSON, as `write_bytes_atomic` does."""
    write_text_atomic(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def sync(descriptor: int) -> None:
    """Wait until a file or folder is on the disk, where its file system can do that.

    Raises:
        OSError: it could not be written.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)
