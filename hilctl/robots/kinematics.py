"""Where an arm's tool is for given joints, and which joints bring it somewhere: mink on MuJoCo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.errors import DeviceError

Array = NDArray[np.float64]

INSTALL = 'pip install "hilctl[so101]"'
SOLVER = "daqp"
DAMPING = 1e-6
# per m and rad: five joints keep the place, and the turn as far as they can
POSITION_COST, ORIENTATION_COST = 1.0, 0.02
STEP_RAD = 0.2  # of a joint, each iteration
ENOUGH_RAD = 1e-5


class ArmKinematics:
    """A chain of joints from a file.

    Args:
        file: MJCF or URDF of the arm.
        joints: names of those that are driven, from the base on.
        tool: name of the site or body whose pose is the tool's.

    Raises:
        DeviceError: the file cannot be read, or lacks one of them.
    """

    def __init__(self, file: Path, joints: Sequence[str], tool: str) -> None:
        try:
            import mink
            import mujoco
        except ImportError as error:
            raise DeviceError(f"{error.name} is not installed", hint=INSTALL) from error
        self._mink: Any = mink
        try:
            model = mujoco.MjModel.from_xml_path(str(file))
        except (ValueError, OSError) as error:
            raise DeviceError(
                f"the arm's model cannot be read: {error}",
                where=str(file),
                hint="it is an MJCF or URDF file, with its meshes where it says",
            ) from error
        kind = _kind_of(mujoco, model, tool, file)
        self._configuration: Any = mink.Configuration(model)
        self._columns = [_column(mujoco, model, name, file) for name in joints]
        self._tool = (tool, kind)
        self._rest: Array = model.qpos0.copy()
        self._frame_task = mink.FrameTask(tool, kind, POSITION_COST, ORIENTATION_COST)
        self._posture_task = mink.PostureTask(model, cost=1e-4)
        self._limits = [mink.ConfigurationLimit(model)]
        ranges = model.jnt_range[[model.joint(name).id for name in joints]]
        limited = model.jnt_limited[[model.joint(name).id for name in joints]].astype(bool)
        self._low = np.where(limited, ranges[:, 0], -np.pi)
        self._high = np.where(limited, ranges[:, 1], np.pi)

    @property
    def limits_rad(self) -> tuple[Array, Array]:
        """Lowest and highest joint angles, each (n,)."""
        return self._low.copy(), self._high.copy()

    def tool_pose(self, q: Array) -> Array:
        """Return the (7,) `T_base_tcp` for (n,) joint angles in rad."""
        self._put(q)
        return self._pose()

    def tool_velocity(self, q: Array, dq: Array) -> Array:
        """Return the tool's (6,) velocity in the base frame, m/s and rad/s."""
        self._put(q)
        turn = geometry.quat_to_matrix(self._pose()[3:])
        local = self._configuration.get_frame_jacobian(*self._tool)[:, self._columns] @ dq
        return np.concatenate([turn @ local[:3], turn @ local[3:]])

    def joints_for(self, tcp_pose: Array, q_near: Array, iterations: int) -> Array:
        """Return the (n,) joint angles, within their limits, that bring the tool nearest to a pose.

        Source: differential inverse kinematics as a quadratic program, one Gauss-Newton step an
        iteration (mink).

        Args:
            tcp_pose: (7,) `T_base_tcp`; the place counts more than the turn.
            q_near: (n,) to begin at, and to stay near to.
            iterations: at most.
        """
        mink = self._mink
        self._put(np.clip(q_near, self._low, self._high))
        x, y, z, w = tcp_pose[3:]
        self._frame_task.set_target(mink.SE3(np.array([w, x, y, z, *tcp_pose[:3]])))
        self._posture_task.set_target(self._configuration.q)
        for _ in range(iterations):
            step = mink.solve_ik(
                self._configuration,
                [self._frame_task, self._posture_task],
                1.0,
                SOLVER,
                damping=DAMPING,
                limits=self._limits,
            )
            moving = np.zeros_like(step)
            moving[self._columns] = step[self._columns]
            most = float(np.abs(moving).max())
            if most > STEP_RAD:
                moving *= STEP_RAD / most
            self._configuration.integrate_inplace(moving, 1.0)
            if most < ENOUGH_RAD:
                break
        return np.clip(self._configuration.q[self._columns], self._low, self._high)

    def _put(self, q: Array) -> None:
        whole = self._rest.copy()
        whole[self._columns] = q
        self._configuration.update(whole)

    def _pose(self) -> Array:
        w, x, y, z, *place = self._configuration.get_transform_frame_to_world(*self._tool).wxyz_xyz
        return geometry.pose(place, [x, y, z, w])


def _kind_of(mujoco: Any, model: Any, tool: str, file: Path) -> str:
    """Return whether a frame is a site or a body."""
    kinds = {"site": mujoco.mjtObj.mjOBJ_SITE, "body": mujoco.mjtObj.mjOBJ_BODY}
    for kind, number in kinds.items():
        if mujoco.mj_name2id(model, number, tool) >= 0:
            return kind
    sites = [model.site(number).name for number in range(model.nsite)]
    bodies = [model.body(number).name for number in range(1, model.nbody)]
    raise DeviceError(
        f"the arm's model has no site or body {tool!r}",
        where=str(file),
        hint=f"robot: {{tool: ...}} is one of {', '.join(sites + bodies)}",
    )


def _column(mujoco: Any, model: Any, name: str, file: Path) -> int:
    """Return where a hinge's angle stands among all coordinates."""
    number = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, name)
    hinges = [
        model.joint(other).name
        for other in range(model.njnt)
        if model.jnt_type[other] == mujoco.mjtJoint.mjJNT_HINGE
    ]
    if name not in hinges or model.nq != model.nv:
        raise DeviceError(
            f"the arm's model has no hinge {name!r}",
            where=str(file),
            hint=f"robot: {{joints: [...]}} are five of {', '.join(hinges)}",
        )
    return int(model.jnt_qposadr[number])
