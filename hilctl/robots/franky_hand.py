"""The Franka's hand: one motion of its fingers after the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from hilctl.errors import DeviceError
from hilctl.robots.fingers import Fingers
from hilctl.time_limit import within

CONNECT_S = 5.0
MOST_S = 5.0  # that a motion of the fingers takes
HOMING_S = 15.0
LEAST_STROKE_M = 0.01
WIDE_M = 1.0  # any width counts as grasped: what is between the fingers is the policy's affair
HOME = "put nothing between its fingers, then: hilctl robot home-gripper"
SEE = "look at it in Desk"
_UNENDED: list[Any] = []  # the library crashes where a hand is dropped in motion


class FrankyHand(Fingers):
    """Two fingers.

    Args:
        connect: returns franky's `Gripper`.
        speed_m_s: of the fingers' distance.
        force_n: with which they close.

    Raises:
        DeviceError: there is no hand.
    """

    def __init__(self, connect: Callable[[], Any], speed_m_s: float, force_n: float) -> None:
        super().__init__()
        self._speed_m_s, self._force_n = speed_m_s, force_n
        self._doing: Any = None  # tells when the motion that is going on ends
        self._begun_s = 0.0
        try:
            self._gripper: Any = within(CONNECT_S, connect)
            self._stroke_m = float(within(CONNECT_S, lambda: self._gripper.max_width))
        except Exception as error:
            raise DeviceError(
                f"the Franka's hand does not answer: {error}",
                hint="is it mounted and switched on in Desk? Without one: robot: {gripper: none}",
            ) from error
        self.start()

    def look(self) -> float:
        """Return how far it is open, 0 to 1."""
        return float(self._gripper.width) / max(self._stroke_m, LEAST_STROKE_M)

    def is_busy(self) -> bool:
        """Return whether a motion is going on.

        Raises:
            DeviceError: it does not end.
        """
        if self._doing is None or self._doing.wait(0.0):
            self._doing = None
            return False
        if time.monotonic() - self._begun_s > MOST_S:
            raise DeviceError(
                f"a motion of the Franka's hand has not ended within {MOST_S:g} s", hint=SEE
            )
        return True

    def unready(self) -> DeviceError | None:
        """Return that it does not know how far it opens, if so."""
        if self._stroke_m < LEAST_STROKE_M:
            return DeviceError("the Franka's hand does not know how far it opens", hint=HOME)
        return None

    def go(self, opening: float) -> None:
        """Begin to open; or to close, and hold whatever is in between."""
        width_m, here_m = opening * self._stroke_m, float(self._gripper.width)
        self._begun_s = time.monotonic()
        if width_m < here_m:
            self._doing = self._gripper.grasp_async(
                width_m, self._speed_m_s, self._force_n, WIDE_M, WIDE_M
            )
        else:
            self._doing = self._gripper.move_async(width_m, self._speed_m_s)

    def home(self) -> None:
        """Have it find out how far it opens: the fingers move all the way.

        Raises:
            DeviceError: it does not.
        """
        self.run_errand(self._home, HOMING_S)

    def close(self) -> None:
        """Hang up when the fingers rest; they hold what they hold."""
        super().close()
        if self._doing is not None and not self._doing.wait(MOST_S):
            _UNENDED.append((self._gripper, self._doing))
        self._gripper = self._doing = None

    def _home(self) -> None:
        try:
            done = self._gripper.homing()
            self._stroke_m = float(self._gripper.max_width)
        except Exception as error:
            raise DeviceError(f"the Franka's hand does not find home: {error}", hint=SEE) from error
        if not done:
            raise DeviceError("the Franka's hand does not find home", hint=SEE)
