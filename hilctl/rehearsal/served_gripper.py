"""Grippers as robot servers have them: each with numbers of its own, and a memory of words."""

from __future__ import annotations

from collections.abc import Callable

ROBOTIQ_OPEN = 175  # what "open" means to a Robotiq's server, of 255 for closed
FRANKA_OPEN_M, FRANKA_STROKE_M, FRANKA_PER_M = 0.09, 0.08, 2550.0


class ServedGripper:
    """A gripper behind a server's words.

    A word to open or to close that repeats the last one is left out, and the first one counts as a
    repetition of "open": so do the servers of those rigs.

    Args:
        kind: "robotiq" or "franka".
        go: drives the fingers to an opening, 0 to 1.
    """

    def __init__(self, kind: str, go: Callable[[float], None]) -> None:
        self._kind, self._go = kind, go
        self._word = "open"

    def open(self) -> None:
        """Open it, unless that was the last word."""
        self._say("open", ROBOTIQ_OPEN if self._kind == "robotiq" else FRANKA_OPEN_M * FRANKA_PER_M)

    def close(self) -> None:
        """Close it, unless that was the last word."""
        self._say("close", 255 if self._kind == "robotiq" else 0)

    def move(self, number: float) -> None:
        """Drive it to what a number means to it."""
        number = min(max(number, 0), 255)
        if self._kind == "robotiq":
            self._go(1 - number / 255)
        else:
            self._go(min(1.0, number / FRANKA_PER_M / FRANKA_STROKE_M))

    def _say(self, word: str, number: float) -> None:
        if word != self._word:
            self._word = word
            self.move(number)
