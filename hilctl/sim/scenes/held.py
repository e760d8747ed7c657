"""A part that a magnet in the hand holds until a knock or a pull frees it, for good."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.sim.scenes.base import TCP_IN_HAND_M

Array = NDArray[np.float64]

WELD_S = 0.004  # time constant: two steps of the physics, as stiff as it may be


class HeldPart:
    """A body of its own, welded to the hand while it is held.

    Its frame is that of the tcp in a centred grasp. It is the only weld of its scene.

    Args:
        name: of the body, the weld and the joint.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def add(self, spec: Any, at: Array) -> Any:
        """Add the body, without geoms yet, at a (3,) place; return it."""
        part = spec.worldbody.add_body(name=self.name, pos=at)
        part.add_freejoint(name=self.name)
        weld = spec.add_equality(
            name=self.name,
            type=mujoco.mjtEq.mjEQ_WELD,
            objtype=mujoco.mjtObj.mjOBJ_BODY,
            name1="hand",
            name2=self.name,
            data=[0, 0, 0, 0, 0, TCP_IN_HAND_M, 1, 0, 0, 0, 1, 0],
        )
        weld.solref = [WELD_S, 1.0]
        spec.add_exclude(name=self.name, bodyname1="hand", bodyname2=self.name)
        return part

    def grasp(self, model: mujoco.MjModel, shift_m: Array, turn_rad: Array) -> None:
        """Set how it is held: (3,) shift and (3,) rotation vector from a centred grasp, tcp frame.

        It counts from the next `hand_over` on.
        """
        turn = geometry.quat_from_rotvec(turn_rad)
        place = np.array([shift_m[0], shift_m[1], TCP_IN_HAND_M + shift_m[2]])
        weld = model.equality(self.name)
        weld.data[3:10] = [*place, *turn[[3, 0, 1, 2]]]

    def hand_over(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Put it into the hand where that is."""
        relative = model.equality(self.name).data[3:10]
        hand = data.body("hand")
        T_world_hand = geometry.pose(hand.xpos, hand.xquat[[1, 2, 3, 0]])
        T_hand_part = geometry.pose(relative[:3], relative[[4, 5, 6, 3]])
        pose = geometry.compose(T_world_hand, T_hand_part)
        data.joint(self.name).qpos[:] = [*pose[:3], *pose[[6, 3, 4, 5]]]

    def is_held(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Return whether the magnet still holds it."""
        return bool(data.eq_active[model.equality(self.name).id])

    def free(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Let it fall, for the rest of the episode."""
        data.eq_active[model.equality(self.name).id] = 0

    def pull_n(self, data: mujoco.MjData) -> Array:
        """Return the (3,) force with which the hand pulls at it, in the world; while it is held."""
        return -np.array(data.efc_force[:3])  # of the only equality, whose rows come first

    def pose(self, data: mujoco.MjData) -> Array:
        """Return its (7,) pose in the world."""
        body = data.body(self.name)
        return geometry.pose(body.xpos, body.xquat[[1, 2, 3, 0]])


def contacts(
    model: mujoco.MjModel, data: mujoco.MjData, body: str, geoms: list[int]
) -> NDArray[np.intp]:
    """Return which of all contacts are those of a body with one of some geoms."""
    pairs = data.contact.geom
    own = model.geom_bodyid[pairs] == model.body(body).id
    return np.nonzero((own & np.isin(pairs, geoms)[:, ::-1]).any(axis=1))[0]
