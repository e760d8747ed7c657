"""A robot whose stops are counted, hands and rewards that do as they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import gymnasium
import numpy as np

from hilctl.cameras import CAMERAS
from hilctl.data.step import EpisodeSummary, Observation, Step
from hilctl.devices import Options, Rig
from hilctl.env.questions import Questions
from hilctl.env.robot_env import Obs, RobotEnv
from hilctl.env.wrappers import EncodeFrames, JudgeReward, Takeover
from hilctl.rewards.base import Judgement, Reward
from hilctl.robots import ROBOTS
from hilctl.robots.base import Command
from hilctl.robots.sim import SimRobot
from hilctl.task.spec import TaskSpec
from hilctl.teleop.base import Role, Teleop, TeleopInput

Env = gymnasium.Env[Obs, np.ndarray]


class SpiedRobot(SimRobot):
    """The simulated robot, with a record of what was asked of it."""

    def __init__(self, options: Options, rig: Rig) -> None:
        super().__init__(options, rig)
        self.calls: list[str] = []
        self.sent: list[np.ndarray] = []

    def servo(self, command: Command) -> Command:
        self.calls.append("servo")
        self.sent.append(command.tcp_pose.copy())
        return super().servo(command)

    def stop(self) -> None:
        self.calls.append("stop")
        super().stop()


class Hand(Teleop):
    """An operator who follows a script, poll by poll, and answers a review as told.

    `on_the_way` is what they say while the arm goes to where an episode begins.
    """

    on_the_way = TeleopInput()

    def __init__(self, script: Sequence[TeleopInput] = (), verdict: bool | None = None) -> None:
        super().__init__(Options(), Rig())
        self.script, self.verdict = list(script), verdict
        self._left = list(script)
        self.roles: list[Role] = []
        self.reviews: list[bool] = []
        self.ends: list[tuple[bool, bool]] = []

    def open(self) -> None: ...

    def close(self) -> None: ...

    def begin_episode(self, role: Role) -> None:
        self.roles.append(role)
        self._left = [self.on_the_way, *self.script]

    def end_episode(self, *, success: bool, intervened: bool) -> None:
        self.ends.append((success, intervened))

    def poll(self) -> TeleopInput:
        return self._left.pop(0) if self._left else TeleopInput()

    def review(self, *, claimed: bool) -> bool:
        self.reviews.append(claimed)
        return claimed if self.verdict is None else self.verdict


class FiresAt(Reward):
    """Call the task done at one step of each episode; None = never."""

    def __init__(self, step: int | None) -> None:
        self._at, self._step = step, 0

    def reset(self) -> None:
        self._step = 0

    def judge(
        self, features: Mapping[str, np.ndarray], events: object = (), measured: object = None
    ) -> Judgement:
        self._step += 1
        return Judgement(self._step == self._at, 0.25)


@dataclass
class Pushes:
    """A policy that always says the same."""

    action: np.ndarray = field(default_factory=lambda: np.full(6, 0.3))
    begun: list[Observation] = field(default_factory=list)

    def begin_episode(self, first: Observation) -> None:
        self.begun.append(first)

    def act(self, observation: Observation) -> np.ndarray:
        return self.action


class Diary:
    """A subscriber that keeps everything."""

    def __init__(self) -> None:
        self.starts = 0
        self.steps: list[Step] = []
        self.summaries: list[EpisodeSummary] = []

    def on_episode_start(self) -> None:
        self.starts += 1
        self.steps = []

    def on_step(self, step: Step) -> None:
        self.steps.append(step)

    def on_episode_end(self, summary: EpisodeSummary) -> None:
        self.summaries.append(summary)


@dataclass
class Stand:
    """An opened task: the bare environment, and ways to wrap it."""

    spec: TaskSpec
    robot: SpiedRobot
    env: RobotEnv

    def wrapped(
        self,
        hand: Teleop,
        fires_at: int | None = None,
        encode: Callable[..., np.ndarray] | None = None,
        questions: Questions | None = None,
    ) -> Env:
        """Return the environment as the loop takes it."""
        seen = EncodeFrames(self.env, encode or tiny_features)
        asked = questions or Questions(hand, self.env.clock)
        return JudgeReward(Takeover(seen, hand, asked), FiresAt(fires_at))


def tiny_features(images: np.ndarray) -> np.ndarray:
    """Return (N, 1, 1, 3) mean colours."""
    return np.asarray(images.mean(axis=(1, 2), keepdims=True), np.float16)


@contextmanager
def open_stand(spec: TaskSpec, seed: int = 0) -> Iterator[Stand]:
    assert ROBOTS.get("sim") is SimRobot
    rig = Rig(seed)
    with SpiedRobot(spec.robot.options, rig) as robot:
        cameras = {
            name: CAMERAS.get(camera.type)(camera.options, rig)
            for name, camera in spec.cameras.items()
        }
        for camera in cameras.values():
            camera.open()
        yield Stand(spec, robot, RobotEnv(spec, {"": robot}, cameras, rig.generator("reset")))
