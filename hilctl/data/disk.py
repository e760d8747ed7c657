"""A file below HDF5 that can run out of disk without taking the process down.

HDF5 cannot close a file it failed to write: the failure comes back at interpreter exit as a
crash. So it never sees one here: the first error is kept, and from then on it writes to memory.
"""

from __future__ import annotations

import contextlib
import os
from io import BytesIO, FileIO, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING

from hilctl.task.files import explain_os_error, os_errors, sync_folder

if TYPE_CHECKING:
    from typing_extensions import Buffer


class GuardedFile(RawIOBase):
    """Create a file for h5py to write to; disk errors are kept until asked for.

    Args:
        path: must not exist.

    Raises:
        OSError: the file cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.error: OSError | None = None
        self._disk = FileIO(path, "x+")
        self._target: RawIOBase | BytesIO = self._disk

    def check(self) -> None:
        """Raise the first disk error met, in words.

        Raises:
            HilctlError: the disk is full, gone or read-only.
        """
        if self.error is not None:
            raise explain_os_error(self.error, self.path) from self.error

    def publish(self, path: Path) -> None:
        """Wait until the bytes are on the disk, then give the file its name.

        Raises:
            HilctlError: something could not be written; the file is removed.
        """
        try:
            os.fsync(self._disk.fileno())
        except OSError as error:
            self._fall_back(error)
        if self.error is not None:
            self.remove()
        self.check()
        self.close()
        with os_errors(path):
            self.path.rename(path)
            sync_folder(path.parent)

    def remove(self) -> None:
        """Close and remove the file."""
        self.close()
        self.path.unlink(missing_ok=True)

    def write(self, data: Buffer, /) -> int:
        """Write all of the bytes at the current position."""
        view, start = memoryview(data).cast("B"), self._target.tell()
        try:
            written = 0
            while written < len(view):
                written += self._target.write(view[written:]) or 0
        except OSError as error:
            self._fall_back(error)
            self._target.seek(start)
            self._target.write(view)
        return len(view)

    def truncate(self, size: int | None = None, /) -> int:
        """Cut or extend to `size` bytes."""
        try:
            return self._target.truncate(size)
        except OSError as error:
            self._fall_back(error)
            return self._target.truncate(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a position in bytes."""
        return self._target.seek(offset, whence)

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._target.tell()

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill a buffer from the current position."""
        return self._target.readinto(buffer) or 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Close the file; idempotent."""
        self._disk.close()
        super().close()

    def _fall_back(self, error: OSError) -> None:
        if self.error is not None:
            return
        self.error = error
        content = b""
        with contextlib.suppress(OSError):  # a disk that is gone cannot be read either
            content = self.path.read_bytes()
        self._target = BytesIO(content)
