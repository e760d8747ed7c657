"""One thread an arm that talks to its robot server: poses out, states in, nothing else waits.

The reference runs only while states come in: an arm that is not heard of is told nothing new.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hilctl.clock import Clock
from hilctl.errors import DeviceError, StaleStateError
from hilctl.robots.base import RobotState
from hilctl.robots.serl_client import MEND_NETWORK, HttpStatusError, SerlClient
from hilctl.robots.serl_errands import CALL_S, Errand, ErrandQueue
from hilctl.robots.serl_reference import ServoReference
from hilctl.robots.serl_state import StateReader

T = TypeVar("T")
Array = NDArray[np.float64]

LOOK_NS = 10_000_000  # from one look at the arm to the next, however long an answer takes …
REST_NS = 2_000_000  # … and what is left to the server in between
POST_NS = 20_000_000  # between two points of the reference's way
FRESH_NS = 15_000_000  # a state of that age is returned at once; else the next one is waited for
MAX_AGE_NS = 500_000_000
RETRY_S = 0.1
AGAIN_S = CALL_S + 0.2  # for a server that was lost and may be back
OPEN_S, END_S = 5.0, 2.0
HOLD_S = 3.0
EMERGENCY = "press the emergency stop if the arm moves"


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
        self._errands = ErrandQueue()
        self._reference = ServoReference()
        self._hold: Errand | None = None
        self._holds = True
        self._due_ns = self._looked_ns = 0

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
        self._client.close()  # whoever waits there goes on
        self._thread.join(END_S)
        self._client.close()  # what it may have connected again meanwhile

    def state(self) -> RobotState:
        """Return the newest state; wait for the next one where it is not fresh.

        Raises:
            StaleStateError: none comes, or none that makes sense.
        """
        with self._changed:
            if self._age_ns() > FRESH_NS:
                self._hurry()
                limit_s = max(AGAIN_S, (MAX_AGE_NS - self._age_ns()) * 1e-9)
                self._changed.wait_for(lambda: self._age_ns() <= FRESH_NS or self._over, limit_s)
            if self._newest is None or self._age_ns() > MAX_AGE_NS:
                why = self._fault or self._silence()
                self._lose(why)  # whoever is told that does not expect it to go on by itself
                raise StaleStateError(why.message, hint=why.hint)
            return self._newest

    def run_to(self, goal: Array, speed_m_s: float, speed_rad_s: float) -> None:
        """Let the reference run to a (7,) pose at no more than these speeds; do not wait.

        Raises:
            DeviceError: the server refused an earlier pose.
        """
        with self._changed:
            untold, self._untold = self._untold, None
            if isinstance(untold, HttpStatusError):
                raise untold  # what else went wrong with it, the state tells
            self._reference.run_to(goal, speed_m_s, speed_rad_s)
            self._holds = False
            self._hurry()

    def check(self) -> None:
        """See that the server took every pose since it was told where to go.

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
            self._errands.add(errand)
            self._hurry()
        return errand

    def hold(self) -> None:
        """Have the arm hold where it is, from any thread; one that holds already is left alone.

        Raises:
            DeviceError: the server could not be told.
        """
        with self._changed:
            self._reference.halt()
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
            self._reference.forget()
            self._holds = False

    def ask_reference(self, question: Callable[[ServoReference], T]) -> T:
        """Return what is asked of the reference, which does not move meanwhile."""
        with self._changed:
            return question(self._reference)

    def _run(self) -> None:
        while not self._over:
            try:
                self._hold_if_asked()
                if self._fault is None and self._newest is not None:
                    self._errands.run(self._client, lambda: self._hold is None)
                    self._advance(self._newest.tcp_pose)
                self._look()
            except DeviceError as fault:
                self._fail(fault)
            self._rest()
        self._errands.give_up(self._silence())
        if self._hold is not None:
            self._hold.give_up(self._silence())

    def _look(self) -> None:
        self._looked_ns = self._clock.now_ns()
        state = self._reader.read(self._client, self._clock, CALL_S)
        with self._changed:
            self._newest, self._fault = state, None
            self._changed.notify_all()

    def _advance(self, here: Array) -> None:
        """Post the next point of the way, when it is time."""
        with self._changed:
            now_ns = self._clock.now_ns()
            if now_ns < self._due_ns:
                return
            point = self._reference.step(here, POST_NS * 1e-9)
            if point is None:
                return
            # a look takes its time: points come as often as they should, if not as evenly
            self._due_ns = max(self._due_ns, now_ns - POST_NS) + POST_NS
        try:
            self._client.tell("pose", {"arr": point.tolist()}, limit_s=CALL_S)
        except DeviceError as fault:
            with self._changed:
                self._reference.forget()
                self._untold = fault
            raise

    def _hold_if_asked(self) -> None:
        """Make the pose of now the one that the arm is held at; one of long ago is none of now."""
        hold = self._hold
        if hold is None or self._newest is None:
            return
        try:
            if self._age_ns() > FRESH_NS:
                self._look()
            hold.content = {"arr": self._newest.tcp_pose.tolist()}
            hold.do(self._client)
        except DeviceError as fault:
            hold.give_up(fault)
            raise
        finally:
            with self._changed:
                self._hold, self._reference.point = None, None
                self._holds = hold.fault is None and not self._reference.is_running

    def _fail(self, fault: DeviceError) -> None:
        """Note what went wrong; if it lasts, nothing that was under way goes on by itself."""
        with self._changed:
            self._fault = fault
            if self._age_ns() > MAX_AGE_NS:
                self._lose(fault)
            self._changed.notify_all()

    def _lose(self, fault: DeviceError) -> None:
        """Let nothing that was under way go on by itself."""
        self._reference.forget()
        self._untold = None  # whoever looks is told more
        self._errands.give_up(fault)

    def _rest(self) -> None:
        """Wait until it is time to look again, or somebody cannot wait."""
        with self._changed:
            left_ns = max(REST_NS, self._looked_ns + LOOK_NS - self._clock.now_ns())
            rest_s = left_ns * 1e-9 if self._fault is None else RETRY_S
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
