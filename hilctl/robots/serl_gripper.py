"""The grippers of SERL's robot servers: each counts in a sense of its own.

A Robotiq is told 0 for open and 255 for closed, a Franka hand tenths of a millimetre times 2.55.
Both are read as shares of their opening.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

Words = Sequence[tuple[str, Mapping[str, Any] | None]]  # routes, and what each is told

FRANKA_STROKE_M = 0.08
FRANKA_PER_M = 2550.0  # of the number that a Franka hand is told


class Gripper(ABC):
    """What a gripper is told for an opening, and what it says of it.

    Args:
        open_share: how far open is open, of all the way.
    """

    def __init__(self, open_share: float = 1.0) -> None:
        self._open_share = open_share

    def opening(self, told: float) -> float:
        """Return the opening, 0 closed to 1 open, of what the server says."""
        return told / self._open_share

    @abstractmethod
    def words(self, opening: float, before: float | None) -> Words:
        """Return what the server is told for an opening.

        Args:
            opening: 0 closed to 1 open.
            before: the one that it was told last; None = none yet.
        """


class NoGripper(Gripper):
    """None: it is told nothing."""

    def words(self, opening: float, before: float | None) -> Words:
        """Return nothing."""
        return ()


class RobotiqGripper(Gripper):
    """A Robotiq two-finger gripper, which closes with the force that it is told to."""

    def words(self, opening: float, before: float | None) -> Words:
        """Return the one number that it is told."""
        return (_number(255 * (1 - self._open_share * opening)),)


class FrankaGripper(Gripper):
    """A Franka hand: it moves to a width, and only a grasp holds something.

    Servers leave out a word to open or to close that they have had already, whatever the fingers
    did meanwhile: what is meant is said in numbers, too.
    """

    def words(self, opening: float, before: float | None) -> Words:
        """Return a grasp for closed, else a width."""
        width = _number(FRANKA_STROKE_M * self._open_share * opening * FRANKA_PER_M)
        if opening >= 1:
            return (("open_gripper", None), width)
        if opening > 0:
            return (width,)
        was_between = before is not None and 0 < before < 1
        return (width, ("close_gripper", None)) if was_between else (("close_gripper", None),)


def _number(told: float) -> tuple[str, dict[str, int]]:
    return "move_gripper", {"gripper_pos": round(told)}


GRIPPERS: dict[str, type[Gripper]] = {
    "none": NoGripper,
    "robotiq": RobotiqGripper,
    "franka": FrankaGripper,
}
