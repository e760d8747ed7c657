"""A calibration board in place of a scene's objects: on the table, in the hand, or carried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import mujoco
import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.patches import patches
from hilctl.sim.scenes.base import TCP_IN_HAND_M, Scene, add_box

Array = NDArray[np.float64]
Pattern = NDArray[np.uint8]

MARGIN = 0.08  # white paper around the pattern, as a share of its width
PLATE_M = 0.001  # half the thickness
INK_M = 0.00001  # half the thickness: printed on, yet in front for the depth buffer
HELD_AHEAD_M = 0.07  # of the tcp: where cameras look that see the tool at work
WHITE, BLACK = [0.62, 0.62, 0.62, 1.0], [0.04, 0.04, 0.04, 1.0]  # not clipped in full light


@dataclass(frozen=True)
class PrintedBoard:
    """A pattern on a plate.

    Attributes:
        pattern: (H, W) grey levels; below 128 is ink.
        size_m: width and height of the pattern.
        place: it lies on the table, is held by the arm's hand, or is carried by a person.
    """

    pattern: Pattern
    size_m: tuple[float, float]
    place: Literal["table", "hand", "person"]


class BoardScene(Scene):
    """The cameras of another scene, with a board instead of its objects.

    The board's frame is at the pattern's first corner: x along its rows, y down, z into the plate.

    Args:
        scene: whose cameras and home pose are kept.
        board: what is shown.
    """

    def __init__(self, scene: Scene, board: PrintedBoard) -> None:
        self._scene, self._board = scene, board
        self.home_tcp = scene.home_tcp
        self.place = board.place

    @property
    def T_parent_board(self) -> Array:
        """The (7,) pose of the board in the tcp's frame ("hand") or in the base's, at first."""
        width, height = self._board.size_m
        if self.place == "hand":
            # upright, seen from the hand's y: x is the hand's x, y its z
            turn = geometry.quat_from_rotvec([np.pi / 2, 0, 0])
            middle = np.array([0.0, 0.0, HELD_AHEAD_M])
        else:
            # flat on the table, seen from above
            turn = geometry.quat_from_rotvec([np.pi, 0, 0])
            middle = np.array([*self.home_tcp[:2], 2 * PLATE_M + INK_M])
        corner = middle - geometry.rotate(turn, [width / 2, height / 2, 0])
        return geometry.pose(corner, turn)

    def add_cameras(self, spec: Any) -> None:
        """Add the other scene's cameras."""
        self._scene.add_cameras(spec)

    def add_objects(self, spec: Any) -> None:
        """Add the board: a white plate with every patch of ink as a box of its own."""
        pose = self.T_parent_board
        carried = self.place == "person"
        if carried:
            _clear_the_view(spec)
        if self.place == "hand":
            parent = spec.body("hand")
            pose = geometry.compose(
                geometry.pose([0, 0, TCP_IN_HAND_M], geometry.IDENTITY[3:]), pose
            )
        else:
            parent = spec.worldbody
        plate = parent.add_body(name="board", pos=pose[:3], quat=pose[[6, 3, 4, 5]], mocap=carried)
        width, height = self._board.size_m
        rim = MARGIN * width
        half = [width / 2 + rim, height / 2 + rim, PLATE_M]
        middle = [width / 2, height / 2, PLATE_M + INK_M]
        add_box(plate, "board", middle, half, WHITE, solid=False).mass = 0.01
        scale = np.array(
            [width / self._board.pattern.shape[1], height / self._board.pattern.shape[0]]
        )
        for number, (low, high) in enumerate(patches(self._board.pattern < 128)):
            place, side = (low + high) / 2 * scale, (high - low) / 2 * scale
            ink = add_box(
                plate, f"ink_{number}", [*place, INK_M], [*side, INK_M], BLACK, solid=False
            )
            ink.mass = 0.0

    def randomise(
        self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator
    ) -> None:
        """Leave the board where it is."""

    def solved(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Return False: there is nothing to do."""
        return False


def in_hand(scene: Scene) -> bool:
    """Return whether a scene is that of a board in the arm's hand."""
    return isinstance(scene, BoardScene) and scene.place == "hand"


def _clear_the_view(spec: Any) -> None:
    """Make all that is there invisible: arm and table leave no room for a board to be carried."""
    for geom in spec.geoms:
        geom.rgba = [*geom.rgba[:3], 0.0]
