"""Arrays that take long to make, kept in files that may be deleted at any time."""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ORIGIN = "made from"


class ArrayCache:
    """Keep named groups of arrays, and give none back that was made from something else.

    Args:
        folder: one file a name; made when something is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, name: str, origin: str) -> dict[str, NDArray[Any]] | None:
        """Return what was kept under a name, or None.

        Args:
            name: of the file.
            origin: tells what the arrays are made from and how.
        """
        try:
            with (
                self._file(name).open("rb") as stream,
                np.load(stream, allow_pickle=False) as stored,
            ):
                arrays = dict(stored)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return None
        return arrays if str(arrays.pop(ORIGIN, "")) == origin else None

    def keep(self, name: str, origin: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep arrays under a name; where that cannot be, they are made again the next time."""
        file = self._file(name)
        content: dict[str, Any] = {ORIGIN: np.array(origin), **arrays}
        temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                with temporary.open("wb") as stream:
                    np.savez(stream, **content)
                temporary.replace(file)
            finally:
                temporary.unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.npz"
