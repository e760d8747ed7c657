"""What a tool may be pressed with, and how it gives way when that is exceeded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilctl.task.layout import ROTATION, TRANSLATION
from hilctl.task.sections import ArmControlSpec

Array = NDArray[np.float64]


class PressLimit:
    """Let an arm go no further into what it presses on than its task allows.

    Args:
        control: of the arm.
    """

    def __init__(self, control: ArmControlSpec) -> None:
        self._most_n, self._most_nm = control.max_force_n, control.max_torque_nm

    def eased(self, tcp_wrench: Array, action: Array) -> tuple[Array, bool]:
        """Return an action that presses no harder, and whether it is another one.

        Beyond a limit, what leads against the force is taken out, and the tool backs out along it:
        by a full step where the force is twice what it may be, or more.

        Args:
            tcp_wrench: (6,) N and N·m that the environment exerts on the tool, tcp frame.
            action: (6,) in [-1, 1], tcp frame.
        """
        eased = np.array(action, dtype=float)
        changed = [
            _give_way(eased[half], tcp_wrench[half], most)
            for half, most in ((TRANSLATION, self._most_n), (ROTATION, self._most_nm))
        ]
        return eased, any(changed)


def _give_way(step: Array, load: Array, most: float | None) -> bool:
    """Change a (3,) step in place if it meets a load that is too much; return whether it did."""
    size = float(np.linalg.norm(load))
    if most is None or size <= most:
        return False
    away = load / size
    back = min(1.0, size / most - 1.0)
    step += max(0.0, back - float(step @ away)) * away
    np.clip(step, -1.0, 1.0, out=step)
    return True
