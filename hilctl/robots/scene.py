"""What only a simulator can do: put things back, show a board, know the truth."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from hilctl.robots import ROBOTS

if TYPE_CHECKING:
    from hilctl.cameras.base import Camera


def has_scene(kind: str) -> bool:
    """Return whether a type of robot is one in a simulated scene."""
    return issubclass(ROBOTS.get(kind), SimulatedScene)


class SimulatedScene(ABC):
    """The scene around a simulated robot; its driver is one of these beside being a `Robot`.

    Attributes:
        resets_the_arm: `reset_scene` puts the arm itself into the open, wherever it was. Else the
            arm has to be out of the way by then.
    """

    resets_the_arm: ClassVar[bool] = True

    @abstractmethod
    def reset_scene(self) -> None:
        """Put the objects of the scene back."""

    @abstractmethod
    def true_success(self) -> bool:
        """Return whether the task is truly solved."""

    @abstractmethod
    def show_board(
        self, pattern: NDArray[np.uint8], size_m: tuple[float, float], *, in_hand: bool
    ) -> None:
        """Put a calibration board where the cameras see it.

        Args:
            pattern: (H, W) grey levels.
            size_m: width and height of the pattern.
            in_hand: the tool holds it; else it lies on the table.
        """

    @abstractmethod
    def carry_board(
        self, pattern: NDArray[np.uint8], size_m: tuple[float, float], before: Camera
    ) -> bool:
        """Let somebody carry a calibration board before a camera.

        Args:
            pattern: (H, W) grey levels.
            size_m: width and height of the pattern.
            before: the camera it is shown to; the arm must not move.

        Returns:
            Whether that is done: only before a camera of this scene.
        """
