"""Arrays that take long to make, kept in files that may be deleted at any time."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl.data.arrays import load_arrays
from hilctl.task.leftovers import temporary_beside
from hilctl.task.regular_files import open_regular

ORIGIN = "made from"


class ArrayCache:
    """Keep named groups of arrays, and give none back that was made from something else.

    Args:
        folder: one file a name; made when something is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, name: str, origin: str, rows: int | None = None) -> dict[str, Any] | None:
        """Return what was kept under a name, name → array, or None.

        Args:
            name: of the file.
            origin: tells what the arrays are made from and how.
            rows: that every array must have; None = any.
        """
        try:
            with open_regular(self._file(name)) as stream:
                arrays = load_arrays(stream)
        except (OSError, ValueError):
            return None
        if str(arrays.pop(ORIGIN, "")) != origin:
            return None
        fits = rows is None or all(array.shape[:1] == (rows,) for array in arrays.values())
        return arrays if fits else None

    def keep(self, name: str, origin: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep arrays under a name; where that cannot be, they are made again the next time."""
        file = self._file(name)
        content: dict[str, Any] = {ORIGIN: np.array(origin), **arrays}
        temporary = temporary_beside(file)
        with contextlib.suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            try:
                with temporary.open("wb") as stream:
                    np.savez(stream, **content)
                temporary.replace(file)
            finally:
                temporary.unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.npz"


def written(file: Path) -> str:
    """Return what tells a file from any other that had or will have its name.

    Raises:
        OSError: there is none.
    """
    about = file.stat()
    return f"{about.st_size} bytes written at {about.st_mtime_ns} ns"
