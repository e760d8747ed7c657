"""The spring that pulls a Franka's tool, and the wrench that is felt there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Spring:
    """How hard a tool is pulled to its reference, and how far it stretches at most.

    Attributes:
        translational_n_m: stiffness along each axis of the base.
        rotational_nm_rad: about each of them.
        clip_m: stretch along each axis beyond which it pulls no harder.
        clip_rad: about each of them.
    """

    translational_n_m: float
    rotational_nm_rad: float
    clip_m: float
    clip_rad: float

    @property
    def speeds(self) -> tuple[float, float]:
        """What it moves a tool by at most, m/s and rad/s.

        Its damping is critical, 2√k: at a steady speed v the damper's 2√k·v is the spring's k·clip.
        """
        pulls = (self.translational_n_m, self.clip_m), (self.rotational_nm_rad, self.clip_rad)
        linear, angular = (float(np.sqrt(3.0 * k) * clip / 2.0) for k, clip in pulls)
        return linear, angular


def wrench_on_tool(state: Any) -> Array:
    """Return the (6,) wrench on the tool in a state of franky, N and N·m in the tcp frame.

    Franka counts what the robot exerts, in its stiffness frame.
    """
    frame = np.concatenate([np.ravel(state.EE_T_K.translation), np.ravel(state.EE_T_K.quaternion)])
    force, torque = (
        geometry.rotate(frame[3:], -half)
        for half in np.asarray(state.K_F_ext_hat_K, dtype=float).reshape(2, 3)
    )
    return np.concatenate([force, torque + np.cross(frame[:3], force)])
