"""A peg that has to go into a socket, and is lost at a touch beside the hole."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from hilctl.sim.scenes.held import HeldPart, contacts
from hilctl.sim.scenes.insert import SIDES, InsertScene

Array = NDArray[np.float64]

FLAT = 0.8  # of a contact's normal, along the vertical: the rim from above, no wall and no slope


class InsertHardScene(InsertScene):
    """The peg of `InsertScene` on a magnet, which lets go when the peg comes down on the rim.

    So nothing finds the hole by feeling around it: the peg has to be aligned in the air. The hole
    is as wide as there, and the slope around it twice as wide.
    """

    LEAD_IN_M = 0.0015

    def __init__(self) -> None:
        self.peg = HeldPart("peg")
        self._rim: list[int] = []

    def _add_peg(self, spec: Any) -> Any:
        return self.peg.add(spec, self.home_tcp[:3])

    def _grasp(self, model: mujoco.MjModel, shift: Array, turn_rad: Array) -> None:
        self.peg.grasp(model, shift, turn_rad)
        self._rim = [model.geom(f"rim_{side}").id for side in SIDES]

    def hand_over(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Put the peg into the hand."""
        self.peg.hand_over(model, data)

    def happen(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Free the peg when it comes down on the rim."""
        if data.ncon == 0 or not self.peg.is_held(model, data):
            return
        on_rim = contacts(model, data, self.peg.name, self._rim)
        if (np.abs(data.contact.frame[on_rim, 2]) > FLAT).any():
            self.peg.free(model, data)
