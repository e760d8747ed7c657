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

from hilctl.errors import DataError, HilctlError, UsageError
from hilctl.task.leftovers import temporary_beside

_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_PERMISSION = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@contextlib.contextmanager
def os_errors(path: Path) -> Iterator[None]:
    """Turn disk trouble into words: full, not writable, not there.

    Raises:
        HilctlError: in place of an OSError inside the block.
    """
    try:
        yield
    except OSError as error:
        raise explain_os_error(error, path) from error


def explain_os_error(error: OSError, path: Path | None = None) -> HilctlError:
    """Return the error a person can act on for one of the operating system."""
    where = str(error.filename or path or "") or None
    number = os_errno(error)
    if number in _DISK_FULL:
        return DataError(
            "the disk is full", where=where, hint="free some space (df -h), then run it again"
        )
    if number in _NO_PERMISSION:
        return UsageError(
            f"no permission for {where}",
            where=where,
            hint="check the folder's owner and rights (ls -ld), or choose another folder",
        )
    return DataError(f"{where}: {error.strerror or error}", where=where)


def is_folder_trouble(error: OSError) -> bool:
    """Return whether an error is about a full disk or missing permission, so no bug."""
    return os_errno(error) in _DISK_FULL | _NO_PERMISSION


def os_errno(error: OSError) -> int | None:
    """Return the number of an OSError; HDF5 mentions it only in its text."""
    if error.errno is None:
        found = re.search(r"errno = (\d+)", str(error))
        return int(found[1]) if found else None
    return error.errno


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
                os.fsync(file.fileno())
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


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
