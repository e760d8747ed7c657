"""Files below HDF5 whose disk may fail.

HDF5 cannot close a file it failed to write: the failure comes back at interpreter exit as a
crash. So it never sees one here: the first error is kept, and from then on it writes to memory.

Nor can it close a file it failed to read, and of such a read it may say anything: that a group is
missing, that a header is wrong. So it is given zeros, and what the computer said is kept: nobody
shall take a loose cable for damage.
"""

from __future__ import annotations

import contextlib
import os
from io import BytesIO, FileIO, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING

from hilctl.task.files import explain_os_error, os_errors, sync, sync_folder

if TYPE_CHECKING:
    from typing_extensions import Buffer


class WatchedFile(FileIO):
    """Open a file for h5py to read from, without a lock: NFS and Lustre often have none.

    Args:
        path: of the file.

    Attributes:
        error: the first that the computer gave while reading.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "r")
        self.error: OSError | None = None

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill a buffer from the current position; with zeros after an error."""
        try:
            if self.error is None:
                return super().readinto(buffer) or 0
        except OSError as error:
            # its traceback would keep HDF5's buffer alive, and crash when the process ends
            self.error = error.with_traceback(None)
        view = memoryview(buffer).cast("B")
        view[:] = bytes(len(view))
        return len(view)

    def check(self) -> None:
        """Raise the first error met; until then nothing that was read can be trusted.

        Raises:
            OSError: the computer could not read the file.
        """
        error, self.error = self.error, None
        try:
            if error is not None:
                raise error
        finally:
            # the error knows the frames that hold this file: a circle would be undone when the
            # process ends, after HDF5, with a crash
            del error


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
            sync(self._disk.fileno())
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
