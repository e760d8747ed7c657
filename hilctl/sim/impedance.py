"""Cartesian impedance control at torque level, with reference limiting.

The law and the typical gains are those of HIL-SERL (arXiv 2410.21845, supplementary): a spring and
damper on the tool whose position error is clipped to |e| ≤ Δ, so that the contact force stays under
stiffness · Δ plus damping.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# makes of the tool's (6,) velocity the (6,) wrench that is added to spring and damper, world frame
Push = Callable[[Array], Array]


@dataclass(frozen=True)
class Gains:
    """Stiffness, damping and reference limits of the controller."""

    stiffness_n_m: float = 2000.0
    damping_n_s_m: float = 89.0
    stiffness_nm_rad: float = 150.0
    damping_nm_s_rad: float = 7.0
    clip_m: float = 0.008
    clip_rad: float = 0.06
    posture_nm_rad: float = 10.0
    posture_nm_s_rad: float = 2.0


# about a pose, so that a wrench can move the tool: 30 N by 20 cm; damped to about half of critical
SOFT = Gains(150.0, 25.0, 15.0, 1.5, clip_m=1.0, clip_rad=3.2)
BRAKE = Gains(0.0, 200.0, 0.0, 10.0)


class ImpedanceController:
    """Turn a target pose of the tcp into joint torques.

    Args:
        model, data: the world the arm lives in.
        posture: (7,) joint positions in rad the null space is pulled to.
        gains: of the controller; may be changed at any time.
        site: id of the tcp's.
        dofs: of the arm's joints among all velocities of the world.
        motors: of the arm among all actuators.

    Attributes:
        gains: in force from the next step of the physics on.
        instead: gains in their place, as long as they are there.
        push: what else is on the tool; None = nothing.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        posture: Array,
        gains: Gains,
        site: int,
        dofs: slice,
        motors: slice,
    ) -> None:
        self._model, self._data, self.gains = model, data, gains
        self._posture = posture
        self._site, self._dofs = site, dofs
        joint = model.dof_jntid[dofs.start]
        self._q = slice(int(model.jnt_qposadr[joint]), int(model.jnt_qposadr[joint]) + len(posture))
        self._jacobian = np.zeros((6, model.nv))
        self._error = np.zeros(6)
        self._quat_site, self._quat_error = np.zeros(4), np.zeros(3)
        self._low, self._high = model.actuator_ctrlrange[motors].T.copy()
        self.instead: Gains | None = None
        self.push: Push | None = None
        self.target_position = np.zeros(3)
        self.target_quat_wxyz = np.array([1.0, 0, 0, 0])

    def torques(self) -> Array:
        """Return the (7,) joint torques in N·m for the world's present state."""
        g, data = self.instead or self.gains, self._data
        full, jac = self._jacobian, self._jacobian[:, self._dofs]
        mujoco.mj_jacSite(self._model, data, full[:3], full[3:], self._site)
        q, qd, bias = data.qpos[self._q], data.qvel[self._dofs], data.qfrc_bias[self._dofs]
        velocity = jac @ qd
        error = self._pose_error()
        wrench = np.empty(6)
        wrench[:3] = g.stiffness_n_m * error[:3] - g.damping_n_s_m * velocity[:3]
        wrench[3:] = g.stiffness_nm_rad * error[3:] - g.damping_nm_s_rad * velocity[3:]
        if self.push is not None:
            wrench += self.push(velocity)
        posture = g.posture_nm_rad * (self._posture - q) - g.posture_nm_s_rad * qd
        # null-space projection I − Jᵀ (J Jᵀ)⁻¹ J of the posture torque
        wrench -= np.linalg.solve(jac @ jac.T, jac @ posture)
        torque: Array = jac.T @ wrench + posture + bias
        return np.minimum(np.maximum(torque, self._low), self._high)

    def _pose_error(self) -> Array:
        error, g = self._error, self.instead or self.gains
        np.subtract(self.target_position, self._data.site_xpos[self._site], out=error[:3])
        mujoco.mju_mat2Quat(self._quat_site, self._data.site_xmat[self._site])
        mujoco.mju_subQuat(self._quat_error, self.target_quat_wxyz, self._quat_site)
        mujoco.mju_rotVecQuat(error[3:], self._quat_error, self._quat_site)
        limit(error[:3], g.clip_m)
        limit(error[3:], g.clip_rad)
        return error


def limit(vector: Array, length: float) -> None:
    """Shorten `vector` in place to at most `length`, keeping its direction."""
    norm = float(np.sqrt(vector @ vector))
    if norm > length:
        vector *= length / norm
