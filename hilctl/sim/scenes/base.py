"""What a scene of the simulator is: objects, what differs each time, what counts as done.

All geometry is primitive, so that software rendering and ray casting stay fast.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import resources
from typing import Any, ClassVar

import mujoco
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TCP_IN_HAND_M = 0.1034
FINGER_TRAVEL_M = 0.04  # of each finger, from closed to open
CLOSED_M = 0.003  # between the fingers, more than what they hold


class Scene(ABC):
    """One task for the arm.

    Attributes:
        home_tcp: (7,) `T_base_tcp` where every arm stands when a scene is reset.
        arms: name → (3,) position of its base in m, in the world; a single one is called "".
        facing_rad: name → turn of its base about the vertical; 0 for one that is not named.
        gripper: whether the fingers move; else they are for show.
        stages: what is reached on the way to success, in order, the last one being that; none
            where the scene knows of no way-marks.
    """

    home_tcp: Array
    arms: ClassVar[Mapping[str, tuple[float, float, float]]] = {"": (0.0, 0.0, 0.0)}
    facing_rad: ClassVar[Mapping[str, float]] = {}
    gripper: ClassVar[bool] = False
    stages: ClassVar[tuple[str, ...]] = ()

    def build(self) -> mujoco.MjModel:
        """Compile the arms and this scene's objects."""
        spec = _arm(self.gripper)
        if set(self.arms) != {""}:
            spec.delete(spec.body("link0"))
            for name, position in self.arms.items():
                half_rad = self.facing_rad.get(name, 0.0) / 2
                turn = [np.cos(half_rad), 0, 0, np.sin(half_rad)]
                frame = spec.worldbody.add_frame(pos=position, quat=turn)
                frame.attach_body(_arm(self.gripper).body("link0"), f"{name}/", "")
        self.add_cameras(spec)
        self.add_objects(spec)
        return spec.compile()

    @abstractmethod
    def add_cameras(self, spec: Any) -> None:
        """Add the cameras that stand around the arm to its specification."""

    @abstractmethod
    def add_objects(self, spec: Any) -> None:
        """Add bodies and geoms to the arm's specification."""

    @abstractmethod
    def randomise(
        self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator
    ) -> None:
        """Draw what differs from episode to episode, before the arms are put home."""

    def hand_over(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:  # noqa: B027
        """Put into the hands what they hold at first, now that the arms stand."""

    def happen(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:  # noqa: B027
        """Let what physics alone does not know happen, after each of its steps."""

    @abstractmethod
    def solved(self, model: mujoco.MjModel, data: mujoco.MjData) -> bool:
        """Return whether the task is truly done."""

    def reached(self, model: mujoco.MjModel, data: mujoco.MjData) -> int:
        """Return how many of its `stages` are truly reached as it stands now."""
        return len(self.stages) if self.solved(model, data) else 0


def _arm(gripper: bool) -> Any:
    """Return the specification of an arm on its table."""
    text = resources.files("hilctl.sim").joinpath("arm.xml").read_text("utf-8")
    spec = mujoco.MjSpec.from_string(text)
    if gripper:
        for finger, side in (("finger_left", 1.0), ("finger_right", -1.0)):
            _let_slide(spec, finger, side)
        spec.add_equality(
            name="fingers",
            type=mujoco.mjtEq.mjEQ_JOINT,
            objtype=mujoco.mjtObj.mjOBJ_JOINT,
            name1="finger_left",
            name2="finger_right",
            data=[0, 1, *[0] * 10],
        )
    return spec


def _let_slide(spec: Any, finger: str, side: float) -> None:
    """Make a body of a finger that a motor moves outward along the hand's y axis."""
    still = spec.geom(finger)
    size, rgba, mass = list(still.size), list(still.rgba), still.mass
    spec.delete(still)
    body = spec.body("hand").add_body(name=finger, pos=[0, side * size[1], 0.082])
    pad = add_box(body, finger, [0, 0, 0], size, rgba)
    pad.mass, pad.friction = mass, [1.0, 0.02, 0.0001]
    body.add_joint(
        name=finger,
        type=mujoco.mjtJoint.mjJNT_SLIDE,
        axis=[0, side, 0],
        range=[0, FINGER_TRAVEL_M],
        limited=True,
        armature=0.05,
        damping=[5.0, 0, 0],
    )
    motor = spec.add_actuator(name=finger, target=finger, trntype=mujoco.mjtTrn.mjTRN_JOINT)
    motor.set_to_position(kp=600.0, kv=30.0)
    motor.forcerange, motor.forcelimited = [-15.0, 15.0], True


def add_box(body: Any, name: str, pos: Any, half: Any, rgba: Any, *, solid: bool = True) -> Any:
    """Add a box geom of half sizes `half` in m; `solid` ones collide."""
    return body.add_geom(
        name=name,
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=pos,
        size=half,
        rgba=rgba,
        contype=int(solid),
        conaffinity=int(solid),
    )
