"""What an action is: a displacement of the tcp in its own frame, each number in [-1, 1]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilctl.task.spec import ControlSpec

PARTS = ("x", "y", "z", "rx", "ry", "rz")  # translation, then a rotation vector
ACTION_DIM = len(PARTS)
TRANSLATION, ROTATION = slice(0, 3), slice(3, ACTION_DIM)


def no_motion() -> NDArray[np.float64]:
    """Return the (A,) action that leaves the tool where it is."""
    return np.zeros(ACTION_DIM)


def action_scale(control: ControlSpec) -> NDArray[np.float64]:
    """Return the (A,) metres and radians that 1.0 means in each part of an action."""
    return np.repeat([control.translation_m, control.rotation_rad], 3)
