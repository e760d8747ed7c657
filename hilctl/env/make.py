"""Build a task's devices and environment: the one list of wrappers, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import gymnasium
import numpy as np
from numpy.typing import NDArray

from hilctl.cameras import CAMERAS
from hilctl.cameras.base import Camera
from hilctl.clock import Clock
from hilctl.devices import Rig
from hilctl.driver_faults import attended
from hilctl.env import ENVIRONMENTS
from hilctl.env.base import Environment, Obs, TaskEnvironment, environment_of
from hilctl.env.guard import Guard
from hilctl.env.hands import Hands
from hilctl.env.losses import HoldOnLoss
from hilctl.env.preview import ShowFrames
from hilctl.env.questions import Questions, Screen, show_nobody
from hilctl.env.robot_env import RobotEnv
from hilctl.env.watchdog import STALLED_PERIODS, Watchdog
from hilctl.env.wrappers import EncodeFrames, EncodeImages, JudgeReward, Takeover
from hilctl.errors import DeviceError
from hilctl.rewards.base import Reward
from hilctl.robots import ROBOTS
from hilctl.robots.base import Robot
from hilctl.task.layout import ActionLayout, ObservationLayout, pose_scale
from hilctl.task.sections import ArmControlSpec
from hilctl.task.spec import TaskSpec
from hilctl.teleop import TELEOPS
from hilctl.teleop.base import Teleop


@dataclass(frozen=True)
class Station:
    """Everything that is open while a command runs.

    Attributes:
        robots: by name of the arm; "" = the only one. None where an environment is in their place.
        env: what episodes run in, with all wrappers.
        teleop: the operator, with all hands.
    """

    rig: Rig
    robots: dict[str, Robot]
    cameras: dict[str, Camera]
    env: gymnasium.Env[Obs, NDArray[np.float64]]
    teleop: Teleop
    questions: Questions

    @property
    def robot(self) -> Robot | None:
        """The robot; the first one of several, None where there is none."""
        return next(iter(self.robots.values()), None)

    @property
    def clock(self) -> Clock:
        """The environment's."""
        return environment_of(self.env).clock

    @property
    def action_layout(self) -> ActionLayout:
        """The environment's."""
        return environment_of(self.env).action_layout

    @property
    def observation_layout(self) -> ObservationLayout:
        """The environment's."""
        return environment_of(self.env).observation_layout

    def stopwatch(self) -> Callable[[], float]:
        """Return what tells the seconds since now, but for those that a person was waited for."""
        start_ns, waited_s = self.clock.now_ns(), self.questions.waited_s

        def elapsed_s() -> float:
            return (self.clock.now_ns() - start_ns) * 1e-9 - (self.questions.waited_s - waited_s)

        return elapsed_s


@contextmanager
def open_station(
    spec: TaskSpec,
    *,
    seed: int = 0,
    encode: EncodeImages | None = None,
    reward: Reward | None = None,
    real_time: bool = False,
    watch: Callable[[Teleop], Teleop] | None = None,
    screen: Screen = show_nobody,
    stop: Callable[[], bool] = lambda: False,
    folder: Path | None = None,
    help_steps: int | None = None,
) -> Iterator[Station]:
    """Open robots, cameras and teleops of a task, and close them whatever happens.

    Args:
        seed: root of every random number the simulated devices and resets draw.
        encode: adds features to observations.
        reward: ends episodes; needs `encode`.
        real_time: a simulated robot does not run ahead of the wall clock; nor does it with a
            person at the controls or a camera that sees the real world.
        watch: stands between the hand and whoever polls it.
        screen: told what the operator is asked, and shown what the cameras see.
        stop: asked while an answer is waited for; True ends the wait.
        folder: of the task, where an environment finds what the task brings along.
        help_steps: steps for which the operator may be in charge; None = as many as they like.

    Raises:
        DeviceError: a device cannot be opened.
    """
    by_hand = any(TELEOPS.get(block.type).in_real_time for block in spec.hands.values())
    rig = rig_of(spec, seed, real_time=real_time or by_hand, folder=folder)
    with ExitStack() as stack:
        robots: dict[str, Robot] = {}
        cameras: dict[str, Camera] = {}
        bare: Environment
        if spec.environment is not None:
            bare = open_environment(spec, rig, stack)
        else:
            robots, cameras = _open_robots(spec, rig, stack)
            bare = RobotEnv(spec, robots, cameras, rig.generator("reset"))
        teleop = _open_hands(spec, rig, stack, bare, screen)
        teleop = teleop if watch is None else watch(teleop)
        questions = Questions(teleop, bare.clock, spec.operator, screen, stop)
        env: gymnasium.Env[Obs, NDArray[np.float64]] = bare
        if isinstance(bare, RobotEnv) and bare.is_real:
            env = HoldOnLoss(bare, questions)
            if bare.moves_real_arms:
                arms = {arm.name: arm.robot for arm in bare.arms}
                bare.watch = look_after(arms, bare.hold, bare.period_s, rig, stack, stop)
        if by_hand and spec.operator.view_hz:
            env = ShowFrames(env, screen, spec.operator.view_hz)
        if encode is not None:
            env = EncodeFrames(env, encode)
        env = Takeover(env, teleop, questions, help_steps)
        if reward is not None:
            env = JudgeReward(env, reward)
        stack.callback(bare.stop)  # registered last: whatever happens, the robot stops first
        yield Station(rig, robots, cameras, env, teleop, questions)


def rig_of(
    spec: TaskSpec, seed: int = 0, *, real_time: bool = False, folder: Path | None = None
) -> Rig:
    """Return what a task's devices share; in real time if one of its cameras sees the real world.

    Args:
        spec, seed, real_time, folder: see `open_station`.
    """
    sees = any(CAMERAS.get(block.type).in_real_time for block in spec.cameras.values())
    return Rig(seed, real_time=real_time or sees, folder=folder)


def teleop_of(
    spec: TaskSpec,
    rig: Rig,
    robot: Robot | None = None,
    screen: Screen = show_nobody,
    arm: str = "",
) -> Teleop:
    """Return the device in the operator's hand for an arm, not yet open.

    Args:
        spec: of the task.
        rig: that it shares with the other devices.
        robot: whose tool it moves; None = it moves nothing.
        screen: told what it has to say, as "device".
        arm: name of the arm, among several.

    Raises:
        DeviceError: it cannot be built.
    """
    block = spec.hands[arm]
    teleop = attended(of_arm("teleop", arm), TELEOPS.get(block.type), block.options, rig)
    teleop.arm = arm
    teleop.action_scale = pose_scale(control_of(spec, arm))
    if robot is not None:
        teleop.tcp_pose = lambda: robot.state().tcp_pose
    teleop.tell = lambda text: screen("device", text, {})
    return teleop


def _open_robots(
    spec: TaskSpec, rig: Rig, stack: ExitStack
) -> tuple[dict[str, Robot], dict[str, Camera]]:
    robots: dict[str, Robot] = {}
    for name, arm in spec.each_arm.items():
        driver = ROBOTS.get(arm.robot.type)
        robot = attended(of_arm("robot", name), driver, arm.robot.options, rig)
        robot.arm = name
        robots[name] = stack.enter_context(robot)
    cameras: dict[str, Camera] = {}
    for name, camera in spec.cameras.items():
        device = attended(f"camera {name}", CAMERAS.get(camera.type), camera.options, rig)
        cameras[name] = stack.enter_context(device)
    return robots, cameras


def _open_hands(
    spec: TaskSpec, rig: Rig, stack: ExitStack, env: Environment, screen: Screen
) -> Teleop:
    """Return the operator: the only hand, or all of them as one."""
    robots = {arm.name: arm.robot for arm in env.arms} if isinstance(env, RobotEnv) else {}
    hands = {
        name: stack.enter_context(teleop_of(spec, rig, robots.get(name), screen, name))
        for name in spec.hands
    }
    operator = next(iter(hands.values()))
    if len(hands) > 1:
        assert isinstance(env, RobotEnv)
        operator = Hands(hands, env)
    if spec.operator.dead_man and not operator.has_dead_man:
        kinds = " and ".join(hand.type for hand in spec.hands.values())
        raise DeviceError(
            f"operator.dead_man is set, and the teleop {kinds} has no such button",
            hint="give one that meaning, teleop: {type: spacemouse, buttons: {LEFT: enable}}; a "
            "keyboard cannot",
        )
    return operator


def look_after(
    robots: Mapping[str, Robot],
    hold: Callable[[], None],
    period_s: float,
    rig: Rig,
    stack: ExitStack,
    stop: Callable[[], bool] = lambda: False,
) -> Watchdog:
    """Have arms stopped when their loop stalls or dies, and as soon as a person wants an end.

    Args:
        robots: open, by name of their arm.
        hold: stops all of them, from any thread.
        period_s: of the loop that moves them.
        rig: that they share.
        stack: ends the watch.
        stop: whether a person wants an end.

    Raises:
        DeviceError: what would hold an arm does not start.
    """
    limit_s = STALLED_PERIODS * period_s
    guards = [
        stack.enter_context(Guard(of_arm("robot", name), robot, limit_s))
        for name, robot in robots.items()
        if robot.needs_guard
    ]
    watchdog = stack.enter_context(Watchdog(hold, period_s, rig.clock, stop, guards))
    rig.watch = watchdog
    return watchdog


def control_of(spec: TaskSpec, arm: str) -> ArmControlSpec:
    """Return how a hand moves an arm, or the environment in place of the only one."""
    return spec.each_arm[arm].control if arm in spec.each_arm else spec.control


def of_arm(device: str, arm: str) -> str:
    """Return what a device of an arm is called in messages."""
    return f"{device} of arm {arm}" if arm else device


def open_environment(spec: TaskSpec, rig: Rig, stack: ExitStack) -> TaskEnvironment:
    """Open what a task has in place of a robot, to be closed by the stack.

    Raises:
        DeviceError: it cannot be opened.
    """
    assert spec.environment is not None
    driver = ENVIRONMENTS.get(spec.environment.type)
    environment = attended("environment", driver, spec.environment.options, rig)
    environment.control = spec.control
    stack.enter_context(environment)
    rig.attach_environment(environment)
    return environment
