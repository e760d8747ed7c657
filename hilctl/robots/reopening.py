"""Connections that are lost, and opened again while somebody waits for them; nothing moves."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from hilctl.errors import DeviceError

R = TypeVar("R")

RETRY_S = 1.0


class Reopening:
    """Reads from a connection, and opens it again when it has failed for a while.

    Args:
        reopen: closes what is left of it and opens it; raises `DeviceError` where it is not back.
    """

    def __init__(self, reopen: Callable[[], None]) -> None:
        self._reopen = reopen
        self._tried_s: float | None = None  # or failed first; None = all is well
        self._why: DeviceError | None = None  # it could not be opened again

    def read(self, read: Callable[[], R]) -> R:
        """Return what a reading returns.

        Raises:
            DeviceError: it fails, and opening the connection again does not help.
        """
        try:
            result = read()
        except DeviceError as fault:
            now_s = time.monotonic()
            if self._tried_s is None or now_s - self._tried_s < RETRY_S:
                self._tried_s = self._tried_s or now_s
                raise self._why or fault from None
            self._tried_s = now_s
            result = self._read_anew(read)
        self._tried_s = self._why = None
        return result

    def _read_anew(self, read: Callable[[], R]) -> R:
        try:
            self._reopen()
            return read()
        except DeviceError as why:
            self._why = why
            raise
