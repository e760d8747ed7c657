"""An arm behind the robot server of SERL and HIL-SERL: a Franka under impedance control.

The server (github.com/rail-berkeley/hil-serl, serl_robot_infra/robot_servers) takes an equilibrium
pose and pulls the tool there with a spring whose stretch it limits; how hard the arm pushes is its
affair, and so is what happens when nobody talks to it: it pulls on to the last pose that it was
told, and presses on what is in between.
"""

from __future__ import annotations

import statistics
import time
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.devices import Finding, Options, Rig
from hilctl.errors import DeviceError
from hilctl.robots.base import Command, Robot, RobotLimits, RobotState
from hilctl.robots.serl_client import HttpStatusError, SerlClient
from hilctl.robots.serl_compliance import Compliance
from hilctl.robots.serl_errands import CALL_S, Errand
from hilctl.robots.serl_gripper import GRIPPERS
from hilctl.robots.serl_options import SerlHttpOptions
from hilctl.robots.serl_session import ServoSession
from hilctl.robots.serl_state import StateReader, read_pose
from hilctl.robots.targets import attainable, within_reach

Array = NDArray[np.float64]

PARAMETER_S = 2.0
LOOK_NS = 20_000_000
SETTLE_NS = 2_000_000_000
THERE_M, THERE_RAD, STILL_M_S = 0.002, 0.02, 0.005
NEAR_M, NEAR_RAD = 0.006, 0.04  # friction keeps an arm on springs that far away
LAG_M, LAG_RAD = 0.02, 0.2  # of an arm that is held up
EASE = 0.6  # of the speed at which the springs have nothing left to pull with
PROBES, PROBE_S = 5, 1.0
CHORES = {  # route, seconds that it may take, what it does
    "clear-errors": ("clearerr", 5.0, "clear the error that has stopped the arm"),
    "start": ("startimp", 20.0, "start the impedance controller anew, errors cleared"),
    "reset-joints": ("jointreset", 60.0, "move the joints to the server's own rest, out of bounds"),
    "set-load": ("set_load", 5.0, "tell the arm the load in task.yaml; it is in programming mode"),
}
CLEAR = "has it stopped with an error? hilctl robot clear-errors"


class SerlHttpRobot(Robot):
    """A Franka arm whose impedance controller is reached over HTTP."""

    OptionsType: ClassVar[type[Options]] = SerlHttpOptions
    # of the reference; the springs of the usual compliance pull at 0.22 m/s and 1.1 rad/s at most
    limits = RobotLimits(reach_m=0.855, speed_m_s=0.5, speed_rad_s=1.5)
    needs_guard: ClassVar[bool] = True

    def __init__(self, options: Options, rig: Rig) -> None:
        super().__init__(options, rig)
        self._settings = settings = cast(SerlHttpOptions, options)
        self._gripper = GRIPPERS[settings.gripper](settings.open_share)
        self._live: ServoSession | None = None
        self._held: dict[str, float] | None = None
        self._opening: float | None = None
        self._told: list[Errand] = []

    @classmethod
    def probe(cls, options: Options) -> list[Finding]:
        """Report whether the server answers, and how fast."""
        url = cast(SerlHttpOptions, options).url
        client, times_s = SerlClient(url), []
        try:
            client.look_up()
            for _ in range(PROBES):
                asked_s = time.monotonic()
                client.ask("getpos", limit_s=PROBE_S)
                times_s.append(time.monotonic() - asked_s)
        except DeviceError as error:
            return [Finding(False, "robot server", error.message, error.hint)]
        finally:
            client.close()
        median_ms, longest_ms = 1e3 * statistics.median(times_s), 1e3 * max(times_s)
        told = f"{url} answers in {median_ms:.1f} ms, at most {longest_ms:.1f} ms"
        return [Finding(True, "robot server", told)]

    @classmethod
    def prepare_to_hold(cls, options: Options) -> None:
        """Look up the name of the server's host.

        Raises:
            DeviceError: it is not known, or nobody says.
        """
        SerlClient(cast(SerlHttpOptions, options).url).look_up()

    @classmethod
    def hold_from_outside(cls, options: Options) -> None:
        """Have the arm pulled to where it is.

        Raises:
            DeviceError: the server does not tell where that is, or could not be told.
        """
        client = SerlClient(cast(SerlHttpOptions, options).url)
        try:
            here = read_pose(client, CALL_S)
            client.tell("pose", {"arr": here.tolist()}, limit_s=CALL_S)
        finally:
            client.close()

    def open(self) -> None:
        """Begin to read the arm's state; nothing is changed and nothing moves.

        Raises:
            DeviceError: the server tells no state.
        """
        settings = self._settings
        opening = self._gripper.opening if self.has_gripper else None
        reader = StateReader(opening, settings.frozen_after_s)
        client = SerlClient(settings.url)
        client.look_up()
        session = ServoSession(client, reader, self.rig.clock)
        self._forget()
        try:
            session.start()
        except BaseException:
            session.end()
            raise
        self._live = session

    def close(self) -> None:
        """Hang up; the server goes on holding the arm."""
        if self._live is not None:
            self._live.end()
            self._live = None

    @property
    def has_gripper(self) -> bool:
        """Whether the server was started with a gripper."""
        return self._settings.gripper != "none"

    def state(self) -> RobotState:
        """Return the newest measurement.

        Raises:
            DeviceError: there has been none for too long.
        """
        return self._session.state()

    def servo(self, command: Command) -> Command:
        """Let the controller's equilibrium run to a pose; it is kept within the arm's reach.

        Raises:
            DeviceError: the server did not take what it was told before.
            SafetyStopError: the target is no pose.
        """
        session = self._session
        sent = attainable(command, self.limits.reach_m)
        self._hear(all_of_it=False)
        self._be_held(self._settings.compliance, wait=False)
        self._grip(sent.gripper)
        session.run_to(sent.tcp_pose, self.limits.speed_m_s, self.limits.speed_rad_s)
        return sent

    def move_to(self, tcp_pose: Array, *, speed: float) -> None:
        """Move in a straight line at a share of the speed limits, and settle there.

        Raises:
            DeviceError: something resists, or the arm does not get there in time.
            SafetyStopError: the target is no pose.
        """
        session, goal = self._session, within_reach(tcp_pose, self.limits.reach_m)
        held = self._settings.on_its_way
        self._be_held(held)
        # no faster than the arm can follow
        pull_m_s, pull_rad_s = held.pull()
        session.run_to(
            goal,
            min(speed * self.limits.speed_m_s, EASE * pull_m_s),
            min(speed * self.limits.speed_rad_s, EASE * pull_rad_s),
        )
        self._follow(session, goal)
        self._settle(session, goal)
        self._be_held(self._settings.compliance)

    def stop(self) -> None:
        """Hold where the arm is.

        Raises:
            DeviceError: the server could not be told.
        """
        if self._live is not None:
            self._live.hold()

    def maintenance(self) -> dict[str, str]:
        """Return what the server does on a person's word alone."""
        chores = {name: text for name, (_, _, text) in CHORES.items()}
        if self._settings.load is None:
            del chores["set-load"]
        return chores

    def maintain(self, chore: str) -> None:
        """Have the server do it, with the arm held where it is.

        Raises:
            DeviceError: the server does not do it in time.
        """
        route, limit_s, _ = CHORES[chore]
        load = self._settings.load
        content = load.parameters() if load is not None and chore == "set-load" else None
        self._session.hold()
        self._forget()
        client = SerlClient(self._settings.url)
        try:
            client.tell(route, content, limit_s=limit_s, again=False)
        finally:
            client.close()

    @property
    def _session(self) -> ServoSession:
        if self._live is None:
            raise DeviceError("the robot is not open")
        return self._live

    def _follow(self, session: ServoSession, goal: Array) -> None:
        """Wait until the reference is there, as long as the arm can follow it."""
        while session.ask_reference(lambda reference: reference.is_running):
            self._wait()
            here = session.state().tcp_pose
            point = session.ask_reference(lambda reference: reference.point)
            if point is not None and not _is_within(here, point, LAG_M, LAG_RAD):
                raise self._not_there(goal, "and does not follow")
        session.check()
        if session.ask_reference(lambda reference: reference.is_halted):
            raise self._not_there(goal, "as it was stopped")

    def _settle(self, session: ServoSession, goal: Array) -> None:
        """Wait until the arm is there and still, or as near as it gets."""
        clock = self.rig.clock
        deadline_ns = clock.now_ns() + SETTLE_NS
        while clock.now_ns() < deadline_ns:
            state = session.state()
            still = float(np.linalg.norm(state.tcp_velocity[:3])) < STILL_M_S
            if still and _is_within(state.tcp_pose, goal, THERE_M, THERE_RAD):
                return
            self._wait()
        if not _is_within(session.state().tcp_pose, goal, NEAR_M, NEAR_RAD):
            raise self._not_there(goal, f"within {SETTLE_NS * 1e-9:g} s")

    def _not_there(self, goal: Array, how: str) -> DeviceError:
        self.stop()
        away_mm = 1e3 * float(np.linalg.norm(self.state().tcp_pose[:3] - goal[:3]))
        return DeviceError(
            f"the arm did not reach its target {how}, and holds {away_mm:.1f} mm away from it",
            hint=f"is something in its way, or the pose out of reach? {CLEAR}",
        )

    def _wait(self) -> None:
        self.rig.clock.sleep_until(self.rig.clock.now_ns() + LOOK_NS)

    def _be_held(self, compliance: Compliance, *, wait: bool = True) -> None:
        """Have the arm held like that from the next pose on.

        Raises:
            DeviceError: the server did not take that.
        """
        parameters = compliance.parameters()
        if parameters == self._held:
            return
        self._held = parameters
        if parameters:
            self._told.append(self._session.tell(Errand("update_param", parameters, PARAMETER_S)))
        if wait:
            for errand in self._told:
                errand.over.wait(PARAMETER_S + CALL_S)
            self._hear(all_of_it=True)

    def _grip(self, opening: float | None) -> None:
        """Tell the gripper where to go, if it is not told that already."""
        if opening is None or opening == self._opening:
            return
        for route, content in self._gripper.words(opening, self._opening):
            self._told.append(self._session.tell(Errand(route, content)))
        self._opening = opening

    def _hear(self, *, all_of_it: bool) -> None:
        """See that the server took what it was told; what it did not take is told again.

        Args:
            all_of_it: that it could not be told is a fault, too; else the state will tell that.

        Raises:
            DeviceError: it refused something.
        """
        faults = [errand.fault for errand in self._told if errand.over.is_set() and errand.fault]
        self._told = [errand for errand in self._told if not errand.over.is_set()]
        if faults:
            self._forget()
        for fault in faults:
            if all_of_it or isinstance(fault, HttpStatusError):
                raise fault

    def _forget(self) -> None:
        """Take it that the server was told nothing."""
        self._held = self._opening = None
        self._told = []


def _is_within(pose: Array, other: Array, metres: float, radians: float) -> bool:
    """Return whether two (7,) poses are no further apart than that."""
    away_m = float(np.linalg.norm(pose[:3] - other[:3]))
    return away_m <= metres and (
        float(np.linalg.norm(geometry.rotation_between(pose, other))) <= radians
    )
