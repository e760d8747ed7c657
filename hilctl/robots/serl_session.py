"""One thread an arm that talks to its robot server: poses out, states in, nothing else waits.

The server knows an equilibrium pose and nothing of speeds, so a reference runs to each target
here, and what is posted are points on its way. It runs only while states come in: an arm that is
not heard of is told nothing new.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.clock import Clock
from hilctl.errors import DeviceError
from hilctl.robots.base import RobotState
from hilctl.robots.serl_client import MEND_NETWORK, SerlClient
from hilctl.robots.serl_state import StateReader

Array = NDArray[np.float64]

LOOK_NS = 10_000_000  # between two looks at the arm
POST_NS = 20_000_000  # between two points of the reference's way
FRESH_NS = 15_000_000  # a state of that age is returned at once; else the next one is waited for
MAX_AGE_NS = 500_000_000
RETRY_S = 0.1
CALL_S = 0.5  # for a pose, a state, a word to the gripper
OPEN_S, END_S = 5.0, 2.0
HOLD_S = 3.0
EMERGENCY = "press the emergency stop if the arm moves"


@dataclass
class Errand:
    """Something that the server is told between two looks at the arm.

    Attributes:
        route, content: what it is told.
        limit_s: for the call.
        over: it was told, or cannot be.
        fault: why it could not be.
    """

    route: str
    content: Mapping[str, Any] | None = None
    limit_s: float = CALL_S
    over: threading.Event = field(default_factory=threading.Event)
    fault: DeviceError | None = None


class ServoSession:
    """Keep an arm's newest state, and let a reference run to where the arm shall go.

    Args:
        client: of the server.
        reader: of its states.
        clock: stamps are told by.
    """

    def __init__(self, client: SerlClient, reader: StateReader, clock: Clock) -> None:
        self._client, self._reader, self._clock = client, reader, clock
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="robot server", daemon=True)
        self._over = self._urgent = False
        self._newest: RobotState | None = None
        self._fault: DeviceError | None = None  # why there is no newer state
        self._untold: DeviceError | None = None  # why a pose was not taken
        self._errands: deque[Errand] = deque()
        self._hold: Errand | None = None
        self._holds, self._is_halted = True, False
        self._goal: Array | None = None
        self._reference: Array | None = None  # what was posted last; None = where the arm is
        self._speed = (0.0, 0.0)
        self._posted_ns = 0

    def start(self) -> None:
        """Begin to talk; return when the first state is there.

        Raises:
            DeviceError: there is none.
        """
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._newest or self._fault, OPEN_S)
            if self._newest is None:
                raise self._fault or self._silence()

    def end(self) -> None:
        """Leave the arm as it is, and hang up; idempotent."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
        self._client.close()
        self._thread.join(END_S)

    def state(self) -> RobotState:
        """Return the newest state; wait for the next one where it is not fresh.

        Raises:
            DeviceError: none comes.
        """
        with self._changed:
            if self._age_ns() > FRESH_NS:
                self._hurry()
                limit_s = max(0.0, (MAX_AGE_NS - self._age_ns()) * 1e-9)
                self._changed.wait_for(lambda: self._age_ns() <= FRESH_NS or self._over, limit_s)
            if self._newest is None or self._age_ns() > MAX_AGE_NS:
                raise self._fault or self._silence()
            return self._newest

    def run_to(self, goal: Array, speed_m_s: float, speed_rad_s: float) -> None:
        """Let the reference run to a (7,) pose at no more than these speeds; do not wait.

        Raises:
            DeviceError: the server did not take an earlier pose.
        """
        self.check()
        with self._changed:
            self._goal, self._speed = goal.copy(), (speed_m_s, speed_rad_s)
            self._holds = self._is_halted = False
            self._hurry()

    def check(self) -> None:
        """See that the server took what it was told; what it did not take is told once.

        Raises:
            DeviceError: it did not.
        """
        with self._changed:
            untold, self._untold = self._untold, None
        if untold is not None:
            raise untold

    def tell(self, errand: Errand) -> Errand:
        """Have the server told something before the next pose; do not wait."""
        with self._changed:
            self._errands.append(errand)
            self._hurry()
        return errand

    def hold(self) -> None:
        """Have the arm hold where it is, from any thread; one that holds already is left alone.

        Raises:
            DeviceError: the server could not be told.
        """
        with self._changed:
            self._goal, self._is_halted = None, True
            if self._holds or self._over:
                return
            self._hold = hold = self._hold or Errand("pose")
            self._hurry()
        fault = hold.fault if hold.over.wait(HOLD_S) else self._silence()
        if fault is not None:
            raise DeviceError(
                f"{fault.message}; it cannot be told to stop, and holds the last pose it was told",
                hint=EMERGENCY,
            )

    def let_go(self) -> None:
        """Take it that somebody else moves the arm from now on: the next hold is told anew."""
        with self._changed:
            self._goal = self._reference = None
            self._holds = False

    @property
    def is_running(self) -> bool:
        """Whether the reference is on its way."""
        with self._changed:
            return self._goal is not None

    @property
    def is_halted(self) -> bool:
        """Whether somebody has had the arm hold since it was told where to go."""
        with self._changed:
            return self._is_halted

    @property
    def reference(self) -> Array | None:
        """The (7,) pose that the arm was told last; None when it holds where it is."""
        with self._changed:
            return self._reference

    def _run(self) -> None:
        while not self._over:
            try:
                self._hold_if_asked()
                if self._fault is None and self._newest is not None:
                    self._run_errands()
                    self._advance()
                self._look()
            except DeviceError as fault:
                self._fail(fault)
            self._rest()
        self._drop_errands(self._silence())

    def _look(self) -> None:
        state = self._reader.read(self._client, self._clock, CALL_S)
        with self._changed:
            self._newest, self._fault = state, None
            self._changed.notify_all()

    def _advance(self) -> None:
        """Post the next point of the way, when it is time."""
        with self._changed:
            now_ns = self._clock.now_ns()
            if self._goal is None or self._newest is None or now_ns < self._posted_ns + POST_NS:
                return
            start = self._newest.tcp_pose if self._reference is None else self._reference
            point = towards(start, self._goal, *self._speed, POST_NS * 1e-9)
            self._goal = None if point is self._goal else self._goal
            self._reference, self._posted_ns = point, now_ns
        try:
            self._client.tell("pose", {"arr": point.tolist()}, limit_s=CALL_S)
        except DeviceError as fault:
            with self._changed:
                self._goal, self._untold = None, fault
            raise

    def _run_errands(self) -> None:
        while self._errands and self._hold is None:
            errand = self._errands.popleft()
            self._do(errand, errand.content)

    def _hold_if_asked(self) -> None:
        """Make the pose of now the one that the arm is held at; one of long ago is none of now."""
        hold = self._hold
        if hold is None or self._newest is None:
            return
        try:
            if self._age_ns() > FRESH_NS:
                self._look()
            self._do(hold, {"arr": self._newest.tcp_pose.tolist()})
        except DeviceError as fault:
            hold.fault = fault
            raise
        finally:
            hold.over.set()
            with self._changed:
                self._hold, self._reference = None, None
                self._holds = hold.fault is None and self._goal is None

    def _do(self, errand: Errand, content: Mapping[str, Any] | None) -> None:
        try:
            self._client.tell(errand.route, content, limit_s=errand.limit_s)
        except DeviceError as fault:
            errand.fault = fault
            raise
        finally:
            errand.over.set()

    def _fail(self, fault: DeviceError) -> None:
        """Note what went wrong; if it lasts, nothing that was under way goes on by itself."""
        with self._changed:
            self._fault = fault
            if self._age_ns() > MAX_AGE_NS:
                self._goal = self._reference = self._untold = None  # whoever looks is told more
                self._drop_errands(fault)
            self._changed.notify_all()

    def _drop_errands(self, fault: DeviceError) -> None:
        while self._errands:
            errand = self._errands.popleft()
            errand.fault = fault
            errand.over.set()

    def _rest(self) -> None:
        """Wait until it is time to look again, or somebody cannot wait."""
        with self._changed:
            rest_s = LOOK_NS * 1e-9 if self._fault is None else RETRY_S
            self._changed.wait_for(lambda: self._urgent or self._over, rest_s)
            self._urgent = False

    def _hurry(self) -> None:
        self._urgent = True
        self._changed.notify_all()

    def _age_ns(self) -> int:
        """Return how old the newest state is; what is to come is older than anything."""
        if self._newest is None:
            return 1 << 62
        return self._clock.now_ns() - self._newest.stamp_ns

    def _silence(self) -> DeviceError:
        what = "is not talked to any more" if self._over else "does not answer any more"
        return DeviceError(f"the robot server at {self._client.url} {what}", hint=MEND_NETWORK)


def towards(
    start: Array, goal: Array, speed_m_s: float, speed_rad_s: float, time_s: float
) -> Array:
    """Return the (7,) pose on the way to a goal that is reached in a time; the goal if it is."""
    whole_s = geometry.duration_between(start, goal, speed_m_s, speed_rad_s)
    return goal if whole_s <= time_s else geometry.interpolate(start, goal, time_s / whole_s)
