"""What a robot server says of its arm, checked number by number."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl.clock import Clock
from hilctl.errors import DeviceError
from hilctl.robots.base import RobotState
from hilctl.robots.serl_client import HttpStatusError, SerlClient

Array = NDArray[np.float64]

FARTHEST_M = 5.0
WIDTHS = {"pose": 7, "vel": 6, "force": 3, "torque": 3, "q": 7}
SINGLE_ROUTES = {f"get{name.replace('pose', 'pos')}": name for name in WIDTHS}
MEND_STATE = "see that the robot is switched on, and what the server's own terminal says"


class StateReader:
    """Ask a robot server for the state, and refuse what is none.

    Args:
        opening: makes an opening, 0 closed to 1 open, of what the server says of its gripper;
            None = it has none.
        frozen_after_s: measurements are noisy: that stay the same for so long are none. None = they
            may.
    """

    def __init__(
        self, opening: Callable[[float], float] | None, frozen_after_s: float | None = 1.0
    ) -> None:
        self._opening = opening
        self._frozen_after_ns = None if frozen_after_s is None else frozen_after_s * 1e9
        self._one_by_one = False
        self._last: Any = None
        self._changed_ns = 0

    def read(self, client: SerlClient, clock: Clock, limit_s: float) -> RobotState:
        """Return the state, measured about now.

        Raises:
            DeviceError: there is no answer in time, it makes no sense, or it has been the same for
                too long.
        """
        asked_ns = clock.now_ns()
        answer = self._ask(client, limit_s)
        now_ns = clock.now_ns()
        if not isinstance(answer, dict):
            raise _nonsense(client, "no object")
        numbers = {name: _numbers(client, answer, name) for name in WIDTHS}
        gripper = 0.0 if self._opening is None else self._opened(client, answer)
        self._refuse_frozen(client, answer, now_ns)
        return RobotState(
            tcp_pose=_pose(client, numbers["pose"]),
            tcp_velocity=numbers["vel"],
            # libfranka counts what the robot exerts, and those servers pass that on
            tcp_wrench=-np.concatenate([numbers["force"], numbers["torque"]]),
            q=numbers["q"],
            gripper=gripper,
            stamp_ns=(asked_ns + now_ns) // 2,
        )

    def _ask(self, client: SerlClient, limit_s: float) -> Any:
        """Return all that is asked for; in one question where the server can answer that."""
        if self._one_by_one:
            return _asked_one_by_one(client, limit_s)
        try:
            return client.ask("getstate", limit_s=limit_s)
        except HttpStatusError as refused:
            # a server that was started without a gripper fails where it would tell of it
            broken = refused.status == http.client.INTERNAL_SERVER_ERROR
            if self._last is not None or self._opening is not None or not broken:
                raise
            with suppress(DeviceError):
                answer = _asked_one_by_one(client, limit_s)
                self._one_by_one = True
                return answer
            raise

    def _opened(self, client: SerlClient, answer: Mapping[str, Any]) -> float:
        told = answer.get("gripper_pos")
        number = _as_array([told])
        if number is None or not np.isfinite(number).all() or self._opening is None:
            raise _nonsense(client, f"a gripper at {told!r}")
        return float(np.clip(self._opening(float(number[0])), 0.0, 1.0))

    def _refuse_frozen(self, client: SerlClient, answer: Any, now_ns: int) -> None:
        if answer != self._last:
            self._last, self._changed_ns = answer, now_ns
        elif self._frozen_after_ns and now_ns - self._changed_ns > self._frozen_after_ns:
            raise DeviceError(
                f"the robot server at {client.url} repeats one and the same state: it no longer "
                "hears of the robot",
                hint=MEND_STATE,
            )


def read_pose(client: SerlClient, limit_s: float) -> Array:
    """Return the (7,) pose of an arm's tool, and nothing else of its state.

    Raises:
        DeviceError: there is no answer in time, or it is no pose.
    """
    answer = client.ask("getpos", limit_s=limit_s)
    return _pose(client, _numbers(client, answer if isinstance(answer, dict) else {}, "pose"))


def _asked_one_by_one(client: SerlClient, limit_s: float) -> dict[str, Any]:
    answers = [client.ask(route, limit_s=limit_s) for route in SINGLE_ROUTES]
    return {name: value for one in answers if isinstance(one, dict) for name, value in one.items()}


def _numbers(client: SerlClient, answer: Mapping[str, Any], name: str) -> Array:
    """Return a vector of a state.

    Raises:
        DeviceError: it is not there, too long or too short, or no numbers.
    """
    found = _as_array(answer.get(name))
    if found is None:
        raise _nonsense(client, f"no {name}")
    if found.shape != (WIDTHS[name],):
        raise _nonsense(client, f"a {name} of {found.size} numbers, not {WIDTHS[name]}")
    if not np.isfinite(found).all():
        raise _nonsense(client, f"a {name} that is not finite")
    return found


def _pose(client: SerlClient, pose: Array) -> Array:
    """Return a (7,) pose with a unit quaternion.

    Raises:
        DeviceError: it has none, or is out of any arm's reach.
    """
    norm = float(np.linalg.norm(pose[3:]))
    if abs(norm - 1.0) > 0.01:
        raise _nonsense(client, f"a quaternion of length {norm:.3g}")
    if np.abs(pose[:3]).max() > FARTHEST_M:
        raise _nonsense(client, f"a tool {np.abs(pose[:3]).max():.3g} m away")
    return np.concatenate([pose[:3], pose[3:] / norm])


def _as_array(value: Any) -> Array | None:
    """Return a list of numbers as an array, or None where it is none."""
    if not isinstance(value, list) or not all(type(one) in (int, float) for one in value):
        return None
    try:
        return np.array(value, dtype=float)
    except OverflowError:  # JSON knows whole numbers of any length
        return None


def _nonsense(client: SerlClient, what: str) -> DeviceError:
    return DeviceError(f"the robot server at {client.url} tells {what}", hint=MEND_STATE)
