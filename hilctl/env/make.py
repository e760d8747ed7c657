"""Build a task's devices and environment: the one list of wrappers, in order."""

from __future__ import annotations

from collections.abc import Iterator
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
from hilctl.env.hands import Hands
from hilctl.env.robot_env import RobotEnv
from hilctl.env.wrappers import EncodeFrames, EncodeImages, JudgeReward, Takeover
from hilctl.rewards.base import Reward
from hilctl.robots import ROBOTS
from hilctl.robots.base import Robot
from hilctl.task.layout import ActionLayout, ObservationLayout, pose_scale
from hilctl.task.spec import ArmControlSpec, TaskSpec
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


@contextmanager
def open_station(
    spec: TaskSpec,
    *,
    seed: int = 0,
    encode: EncodeImages | None = None,
    reward: Reward | None = None,
    real_time: bool = False,
    folder: Path | None = None,
) -> Iterator[Station]:
    """Open robots, cameras and teleops of a task, and close them whatever happens.

    Args:
        seed: root of every random number the simulated devices and resets draw.
        encode: adds features to observations.
        reward: ends episodes; needs `encode`.
        real_time: a simulated robot does not run ahead of the wall clock.
        folder: of the task, where an environment finds what the task brings along.

    Raises:
        DeviceError: a device cannot be opened.
    """
    rig = Rig(seed, real_time=real_time, folder=folder)
    with ExitStack() as stack:
        robots: dict[str, Robot] = {}
        cameras: dict[str, Camera] = {}
        bare: Environment
        if spec.environment is not None:
            bare = _open_environment(spec, rig, stack)
        else:
            robots, cameras = _open_robots(spec, rig, stack)
            bare = RobotEnv(spec, robots, cameras, rig.generator("reset"))
        teleop = _open_hands(spec, rig, stack, bare)
        env: gymnasium.Env[Obs, NDArray[np.float64]] = bare
        if encode is not None:
            env = EncodeFrames(env, encode)
        if reward is not None:
            env = JudgeReward(env, reward)
        stack.callback(bare.stop)  # registered last: whatever happens, the robot stops first
        yield Station(rig, robots, cameras, Takeover(env, teleop), teleop)


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


def _open_hands(spec: TaskSpec, rig: Rig, stack: ExitStack, env: Environment) -> Teleop:
    """Return the operator: the only hand, or all of them as one."""
    hands: dict[str, Teleop] = {}
    for name, block in spec.hands.items():
        hand = attended(of_arm("teleop", name), TELEOPS.get(block.type), block.options, rig)
        hand.arm = name
        hand.action_scale = pose_scale(control_of(spec, name))
        hands[name] = stack.enter_context(hand)
    if len(hands) == 1:
        return next(iter(hands.values()))
    assert isinstance(env, RobotEnv)
    return Hands(hands, env)


def control_of(spec: TaskSpec, arm: str) -> ArmControlSpec:
    """Return how a hand moves an arm, or the environment in place of the only one."""
    return spec.each_arm[arm].control if arm in spec.each_arm else spec.control


def of_arm(device: str, arm: str) -> str:
    """Return what a device of an arm is called in messages."""
    return f"{device} of arm {arm}" if arm else device


def _open_environment(spec: TaskSpec, rig: Rig, stack: ExitStack) -> TaskEnvironment:
    assert spec.environment is not None
    driver = ENVIRONMENTS.get(spec.environment.type)
    environment = attended("environment", driver, spec.environment.options, rig)
    environment.control = spec.control
    stack.enter_context(environment)
    rig.attach_environment(environment)
    return environment
