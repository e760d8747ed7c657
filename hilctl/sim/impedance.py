"""Cartesian impedance control at torque level, with reference limiting.

The law and the typical gains are those of HIL-SERL (arXiv 2410.21845, supplementary): a spring and
damper on the tool whose position error is clipped to |e| ≤ Δ, so that the contact force stays under
stiffness · Δ plus damping.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

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

    @cached_property
    def stiffness(self) -> Array:
        """(6,) N/m and N·m/rad."""
        return np.repeat([self.stiffness_n_m, self.stiffness_nm_rad], 3)

    @cached_property
    def damping(self) -> Array:
        """(6,) N·s/m and N·m·s/rad."""
        return np.repeat([self.damping_n_s_m, self.damping_nm_s_rad], 3)


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
        self._posture, self._site = posture, site
        # views of the world's own memory: with them a step takes about 0.6 of the time
        joint = model.dof_jntid[dofs.start]
        first = int(model.jnt_qposadr[joint])
        self._q = data.qpos[first : first + len(posture)]
        self._qd, self._bias = data.qvel[dofs], data.qfrc_bias[dofs]
        self._position, self._turn = data.site_xpos[site], data.site_xmat[site]
        full = np.zeros((6, model.nv))
        self._linear, self._angular, self._jacobian = full[:3], full[3:], full[:, dofs]
        self._error, self._quat_site, self._quat_error = np.zeros(6), np.zeros(4), np.zeros(3)
        self._off, self._turned = self._error[:3], self._error[3:]
        self._pulled = np.zeros(6)
        self._low, self._high = model.actuator_ctrlrange[motors].T.copy()
        self.instead: Gains | None = None
        self.push: Push | None = None
        self.target_position = np.zeros(3)
        self.target_quat_wxyz = np.array([1.0, 0, 0, 0])

    def torques(self) -> Array:
        """Return the (7,) joint torques in N·m for the world's present state."""
        g, jac, qd = self.instead or self.gains, self._jacobian, self._qd
        mujoco.mj_jacSite(self._model, self._data, self._linear, self._angular, self._site)
        velocity = jac @ qd
        wrench = g.stiffness * self._pose_error(g) - g.damping * velocity
        if self.push is not None:
            wrench += self.push(velocity)
        posture = g.posture_nm_rad * (self._posture - self._q) - g.posture_nm_s_rad * qd
        # null-space projection I − Jᵀ (J Jᵀ)⁻¹ J of the posture torque
        factor = jac @ jac.T
        mujoco.mju_cholFactor(factor, mujoco.mjMINVAL)
        mujoco.mju_cholSolve(self._pulled, factor, jac @ posture)
        wrench -= self._pulled
        torque: Array = jac.T @ wrench + posture + self._bias
        return np.minimum(np.maximum(torque, self._low), self._high)

    def _pose_error(self, gains: Gains) -> Array:
        np.subtract(self.target_position, self._position, out=self._off)
        mujoco.mju_mat2Quat(self._quat_site, self._turn)
        mujoco.mju_subQuat(self._quat_error, self.target_quat_wxyz, self._quat_site)
        mujoco.mju_rotVecQuat(self._turned, self._quat_error, self._quat_site)
        limit(self._off, gains.clip_m)
        limit(self._turned, gains.clip_rad)
        return self._error


def limit(vector: Array, length: float) -> None:
    """Shorten a (3,) `vector` in place to at most `length`, keeping its direction."""
    norm = mujoco.mju_norm3(vector)
    if norm > length:
        vector *= length / norm
