"""Grippers that are told and read by a thread of their own, as both may take long."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

from hilctl.errors import DeviceError

LOOK_S = 0.03
END_S = 1.0


class Fingers(ABC):
    """A gripper that goes where it was told last; whoever tells or asks it does not wait."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._opening = 0.0
        self._wish: float | None = None
        self._errand: Callable[[], None] | None = None
        self._failed: DeviceError | None = None  # of the errand
        self._fault: DeviceError | None = None
        self._over = False
        self._thread = threading.Thread(target=self._run, name="gripper", daemon=True)

    @abstractmethod
    def look(self) -> float:
        """Return how far it is open, 0 to 1."""

    @abstractmethod
    def go(self, opening: float) -> None:
        """Begin to open or close, 0 to 1."""

    def is_busy(self) -> bool:
        """Return whether it must not be told anything yet."""
        return False

    def unready(self) -> DeviceError | None:
        """Return why it must not be told where to go; None = it may."""
        return None

    def start(self) -> None:
        """Read it once, and go on with that in a thread.

        Raises:
            DeviceError: it cannot be read.
        """
        self._opening = self.look()
        self._thread.start()

    @property
    def opening(self) -> float:
        """How far it is open, 0 to 1.

        Raises:
            DeviceError: it cannot be read any more.
        """
        if self._fault is not None:
            raise self._fault
        return min(1.0, max(0.0, self._opening))

    def wish(self, opening: float) -> None:
        """Open or close it as far as that, 0 to 1; do not wait.

        Raises:
            DeviceError: it is not ready, or has failed.
        """
        if (fault := self._fault or self.unready()) is not None:
            raise fault
        with self._changed:
            self._wish = opening
            self._changed.notify_all()

    def run_errand(self, errand: Callable[[], None], limit_s: float) -> None:
        """Have the thread do something, and wait for it.

        Raises:
            DeviceError: it fails, or takes longer.
        """
        with self._changed:
            self._errand, self._failed = errand, None
            self._changed.notify_all()
            done = self._changed.wait_for(lambda: self._errand is None or self._over, limit_s)
        failed = self._failed or self._fault
        if failed is not None:
            raise failed
        if not done:
            raise DeviceError(f"the gripper takes longer than {limit_s:g} s", hint="look at it")

    def close(self) -> None:
        """Hang up; the fingers hold what they hold."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(END_S)

    def _run(self) -> None:
        asked: float | None = None
        while True:
            with self._changed:
                if not self._over:
                    self._changed.wait(LOOK_S)
                if self._over:
                    return
                wish, errand = self._wish, self._errand
            try:
                self._opening = self.look()
                if self.is_busy():
                    continue
                if errand is not None:
                    self._do(errand)
                if wish is not None and wish != asked:
                    asked = wish
                    self.go(wish)
            except DeviceError as fault:
                self._fault = fault
            except Exception as error:
                self._fault = DeviceError(f"the gripper has failed: {error}", hint="look at it")
            if self._fault is not None:
                with self._changed:
                    self._over = True
                    self._changed.notify_all()

    def _do(self, errand: Callable[[], None]) -> None:
        try:
            errand()
        except DeviceError as failed:
            self._failed = failed
        with self._changed:
            self._errand = None
            self._changed.notify_all()
