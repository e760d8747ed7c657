"""Notice that a folder was moved or removed while something is written into it."""

from __future__ import annotations

import os
import weakref
from pathlib import Path

from hilctl.errors import DataError


class SameFolder:
    """A folder that has to stay where it is.

    It is kept open: so no other folder, not even one made in its place, is taken for it.

    Args:
        path: of a folder that is there.

    Raises:
        OSError: it is not there, or may not be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._descriptor)

    @property
    def is_there(self) -> bool:
        """Whether its path still leads to it."""
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._descriptor))
        except OSError:
            return False

    def check(self) -> None:
        """Check that its path still leads to it.

        Raises:
            DataError: it was moved or removed.
        """
        if not self.is_there:
            raise DataError(
                "the folder was moved or removed while it was being written to",
                where=str(self._path),
                hint="go on where it is now; what was finished before is there",
            )
