"""One connection to a Franka's control: states out, references for its springs in, a stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl.clock import Clock
from hilctl.errors import DeviceError, StaleStateError
from hilctl.robots.control_threads import driving
from hilctl.robots.franky_spring import Spring
from hilctl.time_limit import within

Array = NDArray[np.float64]

CONNECT_S = 5.0
AGAIN_S = 0.02  # after which a stop that has had no effect is repeated
RECOVER_S = 10.0  # of the control; it may release brakes
CLEARED_S = 1.0  # until its states tell that
HALT_S = 0.5  # that the control takes at most to end a motion that was stopped
END_S = 2.0  # longer than the library listens to a silent control
STALE_NS = 100_000_000  # a controller sends a state every millisecond
PREEMPTED = "preempted"  # how libfranka calls a motion that was stopped
CLEAR = "see what it met, make room, then: hilctl robot clear-errors"
SEE_DESK = "is it powered, are its joints unlocked and FCI activated in Desk?"
_UNENDED: list[Any] = []  # the library crashes where an arm is dropped in motion
EMERGENCY = "press the emergency stop if the arm moves"
# modes in which no motion may begin: what that is, and what helps
MODES = {
    "Reflex": ("has stopped itself with an error", CLEAR),
    "UserStopped": ("is stopped by its button or its enabling device", "release it"),
    "Guiding": ("is guided by its buttons", "let go of them"),
    "AutomaticErrorRecovery": ("is recovering from an error", "wait until it is done"),
    "Other": ("is not ready: its joints may be locked", "unlock them in Desk"),
}


class FrankyArm:
    """A Franka that is connected.

    Args:
        library: franky.
        connect: returns its `Robot`.
        host: of its control, for messages.
        spring: that pulls its tool.
        nullspace_nm_rad: stiffness that keeps its elbow as it is now.
        clock: stamps are told by.

    Raises:
        DeviceError: it cannot be reached, or its version is another one.
    """

    def __init__(
        self,
        library: Any,
        connect: Callable[[], Any],
        host: str,
        spring: Spring,
        nullspace_nm_rad: float,
        clock: Clock,
    ) -> None:
        self._franky, self._host, self._clock = library, host, clock
        self._spring, self._nullspace_nm_rad = spring, nullspace_nm_rad
        self._tracker: Any = None
        self._lost: DeviceError | None = None
        self._halts = 0
        self._time_ms, self._stamp_ns = -1, clock.now_ns()
        self._robot: Any = None
        with self._told("connecting"):
            self._robot = within(CONNECT_S, connect)
        self._posture: Array = self.read().q

    def read(self) -> Any:
        """Return franky's newest state.

        Raises:
            StaleStateError: the control says nothing any more.
            DeviceError: the connection is lost.
        """
        with self._told("reading"):
            state = self._robot.state
        now_ns, time_ms = self._clock.now_ns(), state.time.to_msec()
        if time_ms != self._time_ms:
            self._time_ms, self._stamp_ns = time_ms, now_ns
        elif now_ns - self._stamp_ns > STALE_NS:
            silent_s = (now_ns - self._stamp_ns) * 1e-9
            raise StaleStateError(
                f"the Franka's control has said nothing for {silent_s:.1f} s",
                where=self._host,
                hint=f"is its network cable in, is it powered? {EMERGENCY}; then: hilctl doctor",
            )
        return state

    @property
    def stamp_ns(self) -> int:
        """When the newest state came."""
        return self._stamp_ns

    def velocity(self, state: Any) -> Array:
        """Return the tool's (6,) velocity in a state, m/s and rad/s in the base frame."""
        jacobian = self._robot.model.zero_jacobian(self._franky.Frame.EndEffector, state)
        return np.asarray(jacobian @ state.dq, dtype=float)

    def lead(self, T_base_tcp: Array) -> None:
        """Hand the springs a (7,) reference; they are switched on where they are not.

        Raises:
            DeviceError: the arm has stopped itself, or may not move.
        """
        halts = self._halts
        if self._tracker is None:
            self._begin()
        elif not self._robot.is_in_control:
            self._tracker = None
            raise self._ended()
        tracker = self._tracker
        if tracker is not None:
            with self._told("commanding"):
                tracker.set_target(self._franky.Affine(T_base_tcp[:3], T_base_tcp[3:]))
        if self._halts != halts:  # somebody stopped it meanwhile
            self.halt()

    def stiffen(self, translational_n_m: float, rotational_nm_rad: float) -> None:
        """Change the stiffness, smoothly, until the arm is stopped."""
        tracker = self._tracker
        if tracker is not None:
            with self._told("commanding"):
                tracker.set_gains(
                    translational_stiffness=translational_n_m,
                    rotational_stiffness=rotational_nm_rad,
                )

    def halt(self) -> None:
        """End every motion at once, from any thread; the control then holds the joints.

        Raises:
            DeviceError: it could not be told.
        """
        self._halts += 1
        self._tracker = None
        robot = self._robot
        if robot is None or not robot.is_in_control:
            return
        deadline_s = time.monotonic() + HALT_S
        with self._told("stopping"):
            while robot.is_in_control:
                if time.monotonic() > deadline_s:
                    raise DeviceError(
                        "the Franka's motion does not end", where=self._host, hint=EMERGENCY
                    )
                self._stop_once(robot)

    def _stop_once(self, robot: Any) -> None:
        """Stop, and give that a moment; one that comes before a motion has begun is lost."""
        try:
            robot.stop()
        except self._franky.CommandException:
            if robot.is_in_control:  # else it had ended by itself
                raise
        again_s = time.monotonic() + AGAIN_S
        while robot.is_in_control and time.monotonic() < again_s:
            time.sleep(0.0005)

    def recover(self) -> None:
        """Clear the error that has stopped the arm.

        Raises:
            DeviceError: it stays.
        """
        with self._told("clearing errors"):
            done = within(RECOVER_S, self._robot.recover_from_errors)
        # the newest state may be one from before
        deadline_s = time.monotonic() + CLEARED_S
        while not done and time.monotonic() < deadline_s:
            time.sleep(0.02)
            done = self.read().robot_mode.name not in MODES
        if not done:
            raise DeviceError(
                "the Franka's error stays", where=self._host, hint="look at it in Desk"
            )

    def close(self) -> None:
        """Stop and hang up; never raises."""
        with suppress(Exception):
            self.halt()
        try:
            over = self._robot.join_motion(END_S)
        except Exception:  # that is how a motion ends that was stopped
            over = True
        if not over:
            _UNENDED.append(self._robot)
        self._tracker = self._robot = None

    def _begin(self) -> None:
        """Switch the springs on, with the reference where the tool is.

        Raises:
            DeviceError: the arm may not move.
        """
        franky, spring = self._franky, self._spring
        self._end_of_the_last()
        mode = self.read().robot_mode.name
        if mode in MODES:
            what, hint = MODES[mode]
            raise DeviceError(f"the arm {what}", where=self._host, hint=hint)
        with self._told("commanding"), driving():
            self._tracker = franky.CartesianImpedanceTracker(
                self._robot,
                translational_stiffness=spring.translational_n_m,
                rotational_stiffness=spring.rotational_nm_rad,
                translational_error_clip=np.full(3, spring.clip_m),
                rotational_error_clip=np.full(3, spring.clip_rad),
                posture_task=franky.PostureTask(self._posture, self._nullspace_nm_rad),
            )

    def _end_of_the_last(self) -> None:
        """Wait until a motion that was stopped is over.

        Raises:
            DeviceError: it does not end.
        """
        with self._told("stopping"):
            try:
                over = self._robot.join_motion(HALT_S)
            except self._franky.ControlException as error:
                if PREEMPTED not in str(error):
                    raise
                return
        if not over:
            raise DeviceError(
                f"the arm's last motion has not ended within {HALT_S:g} s",
                where=self._host,
                hint=EMERGENCY,
            )

    def _ended(self) -> DeviceError:
        """Return why the springs are off though nobody has stopped the arm."""
        try:
            self._robot.poll_motion()
            why = "for no reason that it names"
        except Exception as error:
            why = str(error).removeprefix("libfranka: ")
        return DeviceError(f"the arm has stopped itself: {why}", where=self._host, hint=CLEAR)

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        """Tell what the library raises as a fault; a connection that is lost stays lost.

        Raises:
            DeviceError: in its place.
        """
        if self._lost is not None:
            raise self._lost
        franky = self._franky
        try:
            yield
        except DeviceError:
            raise
        except franky.RealtimeException as error:
            raise DeviceError(
                "this computer's kernel is not real-time, and the Franka's 1 kHz needs one",
                where=self._host,
                hint="install a PREEMPT_RT kernel; to go without, at the risk of missed cycles: "
                "robot: {realtime: ignore}",
            ) from error
        except franky.IncompatibleVersionException as error:
            raise self._fault(
                doing, error, "install the franky-control that was built for its system version"
            ) from error
        except (franky.NetworkException, TimeoutError, RuntimeError) as error:
            hint = SEE_DESK if doing == "connecting" else f"{SEE_DESK} {EMERGENCY}"
            fault = self._fault(doing, error, f"{hint}; then: hilctl doctor")
            if doing != "connecting":
                self._lost = fault
            raise fault from error
        except franky.Exception as error:
            raise self._fault(doing, error, CLEAR) from error

    def _fault(self, doing: str, error: Exception, hint: str) -> DeviceError:
        why = str(error).removeprefix("libfranka: ")
        return DeviceError(f"{doing} the Franka failed: {why}", where=self._host, hint=hint)
