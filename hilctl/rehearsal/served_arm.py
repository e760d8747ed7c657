"""One arm of a live world behind the routes of SERL's robot server."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.rehearsal.live_world import LiveWorld
from hilctl.rehearsal.served_gripper import ServedGripper
from hilctl.sim.arm import SimArm

Array = NDArray[np.float64]
Route = Callable[[Any], Any]

START_S, STOP_S = 3.0, 1.0  # those of the real ones
JOINT_RESET_M_S, JOINT_RESET_RAD_S = 0.1, 0.5
NOISE_RAD_S = 1e-5  # of joint velocities: no two measurements are the same
# its own names: those of the simulator, and how far they go
GAINS = {
    "translational_stiffness": ("stiffness_n_m", 6000.0),
    "translational_damping": ("damping_n_s_m", 400.0),
    "rotational_stiffness": ("stiffness_nm_rad", 300.0),
    "rotational_damping": ("damping_nm_s_rad", 30.0),
}
CLIPS = {"translational": "clip_m", "rotational": "clip_rad"}
REMEMBERED = 1000  # poses
MOST_CLIP = 0.1
WITHOUT_EFFECT = {
    "nullspace_stiffness",
    "joint1_nullspace_stiffness",
    "translational_Ki",
    "rotational_Ki",
}
SIDES = {f"{sign}{axis}" for sign in ("", "neg_") for axis in "xyz"}


class ServedArm:
    """What a robot server does for an arm.

    Wrong content makes a route raise, which the server tells as an error of its own.

    Args:
        live: that it stands on.
        name: of the arm.
        gripper: which one its server has: "robotiq", "franka" or "none".
    """

    def __init__(self, live: LiveWorld, name: str, gripper: str) -> None:
        self._live, self._name = live, name
        self._gripper = None if gripper == "none" else ServedGripper(gripper, self._grip)
        self._noise = live.rig.generator(f"noise {name}")
        self._runs = True
        self._heard_ns: deque[int] = deque(maxlen=REMEMBERED)
        self._clips = {kind: dict.fromkeys(SIDES, math.inf) for kind in CLIPS}

    def routes(self) -> dict[str, Route]:
        """Return what is done by each route, given the content of a request."""
        measured = {
            "getpos": "pose", "getvel": "vel", "getforce": "force", "gettorque": "torque",
            "getq": "q", "getdq": "dq", "getjacobian": "jacobian",
        }  # fmt: skip
        return {
            "getstate": self._state,
            **{route: self._part(key) for route, key in measured.items()},
            "getpos_euler": self._pose_euler,
            "get_gripper": lambda _: {"gripper": self._opening()},
            "pose": self._pose,
            "startimp": self._start,
            "stopimp": self._stop,
            "clearerr": self._clear,
            "jointreset": self._reset_joints,
            "update_param": self._update,
            "set_load": self._load,
            **self._gripper_routes(),
            # beyond those servers: when poses came, on the computer's own clock
            "rehearsal/heard": lambda _: {"stamps_ns": list(self._heard_ns)},
        }

    def _gripper_routes(self) -> dict[str, Route]:
        def word(does: Callable[[ServedGripper], None], text: str) -> Route:
            def say(_: Any) -> str:
                does(self._some_gripper())
                return text

            return say

        def move(content: Any) -> str:
            self._some_gripper().move(int(content["gripper_pos"]))
            return "Moved Gripper"

        return {
            "activate_gripper": word(lambda _: None, "Activated"),
            "reset_gripper": word(lambda _: None, "Reset"),
            "open_gripper": word(ServedGripper.open, "Opened"),
            "close_gripper": word(ServedGripper.close, "Closed"),
            "close_gripper_slow": word(ServedGripper.close, "Closed"),
            "move_gripper": move,
        }

    def _arm(self) -> SimArm:
        with self._live.held() as world:
            return world.arms[self._name]

    def _measured(self) -> dict[str, Any]:
        with self._live.held():
            # as libfranka counts: what the robot exerts
            arm, wrench = self._arm(), -self._live.force_on(self._name)
            qd = arm.qd() + self._noise.normal(0, NOISE_RAD_S, 7)
            jacobian = arm.jacobian()
            return {
                "pose": arm.tcp_pose().tolist(),
                "vel": (jacobian @ qd).tolist(),
                "force": wrench[:3].tolist(),
                "torque": wrench[3:].tolist(),
                "q": arm.q().tolist(),
                "dq": qd.tolist(),
                "jacobian": jacobian.tolist(),
            }

    def _state(self, _: Any) -> dict[str, Any]:
        return {**self._measured(), "gripper_pos": self._opening()}

    def _part(self, key: str) -> Route:
        return lambda _: {key: self._measured()[key]}

    def _pose_euler(self, _: Any) -> dict[str, Any]:
        pose = np.array(self._measured()["pose"])
        return {"pose": [*pose[:3].tolist(), *_euler_xyz(pose[3:])]}

    def _pose(self, content: Any) -> str:
        pose = np.array(content["arr"], dtype=float)
        if pose.shape != (7,) or not np.isfinite(pose).all():
            raise ValueError("a pose has seven numbers")
        pose[3:] /= np.linalg.norm(pose[3:])
        self._heard_ns.append(time.monotonic_ns())
        with self._live.held():
            if self._runs and not self._live.has_failed(self._name):
                self._arm().leader = None
                self._arm().set_target(pose)
        return "Moved"

    def _start(self, _: Any) -> str:
        self._clear(None)
        self._live.wait(START_S)
        self._hold()
        self._runs = True
        return "Started impedance"

    def _stop(self, _: Any) -> str:
        self._runs = False
        self._hold()
        self._live.wait(STOP_S)
        return "Stopped impedance"

    def _clear(self, _: Any) -> str:
        self._live.clear(self._name)
        return "Clear"

    def _reset_joints(self, _: Any) -> str:
        self._stop(None)
        self._clear(None)
        with self._live.held() as world:
            home = world.scene.home_tcp
            time_s = self._arm().glide_target(home, JOINT_RESET_M_S, JOINT_RESET_RAD_S)
        self._live.wait(time_s)
        self._start(None)
        return "Reset Joint"

    def _hold(self) -> None:
        with self._live.held():
            self._arm().hold()

    def _update(self, content: Any) -> str:
        with self._live.held():
            controller = self._arm().controller
            controller.gains = replace(controller.gains, **self._gains(content))
        return "Updated compliance parameters"

    def _gains(self, parameters: Mapping[str, Any]) -> dict[str, float]:
        """Return what parameters make of the simulated controller, which has one clip for all."""
        gains = {}
        for name, value in parameters.items():
            number = max(0.0, float(value))
            kind, is_clip, side = name.partition("_clip_")
            if name in GAINS:
                key, most = GAINS[name]
                gains[key] = min(number, most)
            elif is_clip and kind in CLIPS and side in SIDES:
                self._clips[kind][side] = min(number, MOST_CLIP)
                gains[CLIPS[kind]] = min(self._clips[kind].values())
            elif name not in WITHOUT_EFFECT:
                raise KeyError(name)
        return gains

    def _load(self, content: Any) -> str:
        float(content["mass"])
        if len(content["F_x_center_load"]) != 3 or len(content["load_inertia"]) != 9:
            raise ValueError("a load has a centre and an inertia")
        return "Set Load"

    def _some_gripper(self) -> ServedGripper:
        if self._gripper is None:
            raise AttributeError("there is no gripper")
        return self._gripper

    def _opening(self) -> float:
        self._some_gripper()
        with self._live.held():
            return self._arm().opening()

    def _grip(self, opening: float) -> None:
        with self._live.held():
            self._arm().grip(opening)


def _euler_xyz(quat: Array) -> list[float]:
    """Return roll, pitch, yaw in rad about fixed axes of a (4,) xyzw quaternion."""
    m = geometry.quat_to_matrix(quat)
    pitch = math.asin(min(1.0, max(-1.0, -m[2, 0])))
    return [math.atan2(m[2, 1], m[2, 2]), pitch, math.atan2(m[1, 0], m[0, 0])]
