"""Build a task's devices and environment: the one list of wrappers, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import gymnasium
import numpy as np
from numpy.typing import NDArray

from hilctl.cameras import CAMERAS
from hilctl.cameras.base import Camera
from hilctl.clock import Clock
from hilctl.devices import Rig
from hilctl.driver_faults import attended
from hilctl.env.base import Environment, Obs, environment_of
from hilctl.env.questions import Questions, Screen, show_nobody
from hilctl.env.robot_env import RobotEnv
from hilctl.env.wrappers import EncodeFrames, EncodeImages, JudgeReward, Takeover
from hilctl.rewards.base import Reward
from hilctl.robots import ROBOTS
from hilctl.robots.base import Robot
from hilctl.task.action import action_scale
from hilctl.task.spec import TaskSpec
from hilctl.teleop import TELEOPS
from hilctl.teleop.base import Teleop


@dataclass(frozen=True)
class Station:
    """Everything that is open while a command runs."""

    rig: Rig
    robot: Robot
    cameras: dict[str, Camera]
    env: gymnasium.Env[Obs, NDArray[np.float64]]
    teleop: Teleop
    questions: Questions

    @property
    def clock(self) -> Clock:
        """The environment's."""
        return environment_of(self.env).clock

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
    screen: Screen = show_nobody,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Station]:
    """Open robot, cameras and teleop of a task, and close them whatever happens.

    Args:
        seed: root of every random number the simulated devices and resets draw.
        encode: adds features to observations.
        reward: ends episodes; needs `encode`.
        real_time: a simulated robot does not run ahead of the wall clock; nor does it with a
            person at the controls.
        screen: told what the operator is asked.
        stop: asked while an answer is waited for; True ends the wait.

    Raises:
        DeviceError: a device cannot be opened.
    """
    hand = TELEOPS.get(spec.teleop.type)
    rig = Rig(seed, real_time=real_time or hand.in_real_time)
    with ExitStack() as stack:
        robot = attended("robot", ROBOTS.get(spec.robot.type), spec.robot.options, rig)
        stack.enter_context(robot)
        cameras: dict[str, Camera] = {}
        for name, camera in spec.cameras.items():
            driver = CAMERAS.get(camera.type)
            device = attended(f"camera {name}", driver, camera.options, rig)
            cameras[name] = stack.enter_context(device)
        teleop = attended("teleop", hand, spec.teleop.options, rig)
        teleop.action_scale = action_scale(spec.control)
        teleop.tcp_pose = lambda: robot.state().tcp_pose
        teleop.tell = lambda text: screen("hand", text, {})
        stack.enter_context(teleop)
        bare: Environment = RobotEnv(spec, robot, cameras, rig.generator("reset"))
        env: gymnasium.Env[Obs, NDArray[np.float64]] = bare
        if encode is not None:
            env = EncodeFrames(env, encode)
        questions = Questions(teleop, bare.clock, spec.operator, screen, stop)
        env = Takeover(env, teleop, questions)
        if reward is not None:
            env = JudgeReward(env, reward)
        stack.callback(bare.stop)  # registered last: whatever happens, the robot stops first
        yield Station(rig, robot, cameras, env, teleop, questions)
