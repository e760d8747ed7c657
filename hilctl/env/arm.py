"""One arm of a `RobotEnv`: its numbers of an action, its way to a start, what it measures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.env.motion import motion_of
from hilctl.env.safety import require_finite, reset_pose
from hilctl.env.travel import Travel, relax
from hilctl.env.way_in import WayIn
from hilctl.errors import DeviceError, OutsideBoundsError, StaleStateError
from hilctl.robots.base import Command, Robot, RobotState
from hilctl.robots.scene import SimulatedScene
from hilctl.task.layout import ActionLayout, ActionPart, named
from hilctl.task.sections import ArmSpec
from hilctl.task.starts import yaw_range

Array = NDArray[np.float64]

GRIPPER_S = 0.5  # that a hand holds a button for a continuous gripper to go all the way
OPENING_S = 2.0  # that a gripper is waited for at most before an episode
OPEN_ENOUGH = 0.9
MAX_STATE_AGE_S = 0.2
FAR_M, FAR_RAD = 0.1, 0.8  # out of the bounds: nobody pushed it that far


class TaskArm:
    """An arm that does its part of an action.

    Args:
        name: of the arm; "" when there is only one.
        spec: its part of the task.
        robot: that it is.
        actions: layout of whole actions.
        rate_hz: of control.

    Raises:
        DeviceError: the task has a gripper, the robot none.
    """

    def __init__(
        self, name: str, spec: ArmSpec, robot: Robot, actions: ActionLayout, rate_hz: float
    ) -> None:
        self.name, self.spec, self.robot = name, spec, robot
        self.scene = robot if isinstance(robot, SimulatedScene) else None
        self._motion = motion_of(name, spec, robot, actions, rate_hz)
        self._moves = actions.slice_of(self._motion.part)
        self.bounds = self._motion.bounds
        self._gripper: ActionPart | None = actions.of_arm(name, "gripper")
        if self._gripper is not None:
            _require_gripper(name, spec, robot)
            self._column = actions.slice_of(self._gripper).start
        self._opening = 1.0  # that the gripper was told last
        self._button_step = 1.0 / (GRIPPER_S * rate_hz)
        self._travel = Travel(spec)
        self._way_in = WayIn()

    def require_near(self) -> None:
        """Check that the tool is not far out of its bounds.

        Raises:
            OutsideBoundsError: it is: the way back leads through what the bounds do not know.
        """
        here = self._fresh_state().tcp_pose
        away_m, away_rad = self.bounds.outside(here)
        if away_m > FAR_M or away_rad > FAR_RAD:
            x, y, z = here[:3]
            raise OutsideBoundsError(
                f"{self.words} is far out of control.bounds: its tool is at [{x:.3f}, {y:.3f}, "
                f"{z:.3f}] m, {away_m:.2f} m and {away_rad:.1f} rad away from them",
                hint="see that the straight way back is free; or bring it there by hand, or mend "
                "control.bounds in task.yaml",
            )

    def leave(self, scene: SimulatedScene | None) -> None:
        """Let go of whatever presses on the tool, and back out, unless the scene does that.

        Args:
            scene: that is put back next; None = a person has done that.

        Raises:
            DeviceError: something holds the tool.
        """
        relax(self.robot)
        if scene is None or not scene.resets_the_arm:
            self._travel.back_out(self.robot, self._way_in)

    def go_to_start(
        self, rng: np.random.Generator, given: Array | None = None, speed: float | None = None
    ) -> None:
        """Move to a start, and open the gripper.

        Args:
            rng: draws it.
            given: the (7,) `T_base_tcp` to begin at instead.
            speed: how fast to go there, as a share of the arm's limits; None = as usual.

        Raises:
            DeviceError: something resists on the way; the arm holds there.
        """
        start = self._draw_start(rng) if given is None else given
        travel = self._travel if speed is None else Travel(self.spec, speed)
        travel.go(self.robot, start)
        self._motion.begin_at(start)
        self._way_in.begin()
        if self._gripper is not None:
            self._open_gripper(start)

    def resume(self) -> None:
        """Go on from where the arm is after a stop."""
        self._motion.begin_at(self.robot.state().tcp_pose)

    def send(self, action: Array, executed: Array) -> None:
        """Send the arm's numbers of an (A,) action, and put those that were executed in another."""
        opening = self._wanted_opening(action, executed)
        state = self._fresh_state()
        require_finite(action[self._moves])
        executed[self._moves] = self._motion.send(state, action[self._moves], opening)

    def drive(self, twist: Array, gripper: int, action: Array) -> None:
        """Put what a hand says into the arm's numbers of an (A,) action.

        Args:
            twist: (6,) in [-1, 1].
            gripper: -1 close, 0 leave, 1 open.
            action: to be filled in.
        """
        action[self._moves] = self._motion.driven_by(twist)
        if self._gripper is None:
            return
        if self._gripper.choices is not None:
            action[self._column] = float(gripper)
        else:
            opening = np.clip(self._opening + self._button_step * gripper, 0.0, 1.0)
            action[self._column] = 2.0 * opening - 1.0

    def state(self) -> tuple[RobotState, dict[str, Array]]:
        """Return what is measured, and by the names it is stored under.

        Raises:
            StaleStateError: it was measured too long ago.
        """
        state = self._fresh_state()
        self._way_in.note(state.tcp_pose[:3])
        return state, {named(self.name, key): array for key, array in state_arrays(state).items()}

    def executed_between(self, before: Array, now: Array, executed: Array) -> None:
        """Put the arm's numbers that stand for the way from one (7,) pose to another in an action.

        Args:
            before, now: the poses.
            executed: (A,) to be filled in.
        """
        executed[self._moves] = self._motion.between(before, now)

    def _fresh_state(self) -> RobotState:
        state = self.robot.state()
        age_s = (self.robot.rig.clock.now_ns() - state.stamp_ns) * 1e-9
        # a simulated world waits for whoever is slow, and is measured the moment it is asked
        if self.scene is None and age_s > MAX_STATE_AGE_S:
            raise StaleStateError(
                f"the newest state of {self.words} is {age_s:.1f} s old "
                f"({MAX_STATE_AGE_S:g} s are allowed): it says the same again and again",
                hint="see that its controller runs and its network cable is in",
            )
        return state

    @property
    def words(self) -> str:
        """What it is called in messages."""
        return f"the arm {self.name}" if self.name else "the robot"

    def _wanted_opening(self, action: Array, executed: Array) -> float | None:
        """Return what to tell the gripper; None = nothing."""
        if self._gripper is None:
            return None
        number = action[self._column]
        executed[self._column] = number
        if self._gripper.choices is not None:
            if number == 0:
                return None
            self._opening = float(number > 0)
        else:
            self._opening = float((number + 1.0) / 2.0)
        return self._opening

    def _open_gripper(self, start: Array) -> None:
        """Open the gripper and wait until it is; what does not open is left as it is."""
        self._opening = 1.0
        self.robot.servo(Command(start, self._opening))
        clock = self.robot.rig.clock
        deadline_ns = clock.now_ns() + round(OPENING_S * 1e9)
        while self.robot.state().gripper < OPEN_ENOUGH and clock.now_ns() < deadline_ns:
            clock.sleep_until(clock.now_ns() + 20_000_000)

    def _draw_start(self, rng: np.random.Generator) -> Array:
        reset = self.spec.reset
        xy, z = reset.random_xy_m, reset.random_z_m
        start = reset_pose(reset)
        start[:3] += rng.uniform(-1, 1, 3) * [xy, xy, z]
        turn_rad = rng.uniform(*yaw_range(self.spec.control.bounds, reset))
        yaw = geometry.quat_from_rotvec([0, 0, turn_rad])
        return geometry.pose(start[:3], geometry.quat_multiply(yaw, start[3:]))


def state_arrays(state: RobotState) -> dict[str, Array]:
    """Return the measured quantities by name, as stored and learnt from."""
    told = {
        "tcp_pose": state.tcp_pose,
        "tcp_velocity": state.tcp_velocity,
        "tcp_wrench": state.tcp_wrench,
        "joint_position": state.q,
        "joint_velocity": state.qd,
        "gripper": np.array([state.gripper]),
    }
    return {name: array for name, array in told.items() if array is not None}


def _require_gripper(name: str, spec: ArmSpec, robot: Robot) -> None:
    if robot.has_gripper:
        return
    key = f"arms.{name}.control.gripper" if name else "control.gripper"
    raise DeviceError(
        f"{key} is {spec.control.gripper!r}, and this {spec.robot.type} robot has no gripper "
        "that moves",
        hint=f"set {key}: none in task.yaml, or choose a robot or scene with a gripper",
    )
