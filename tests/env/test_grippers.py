"""A gripper in actions: what a hand says, what is sent and stored, and what changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from bench_stand import Hand

from hilctl.devices import Options, Rig
from hilctl.env.questions import Questions
from hilctl.env.robot_env import RobotEnv
from hilctl.env.wrappers import Takeover
from hilctl.errors import DeviceError, SafetyStopError
from hilctl.robots.base import Command
from hilctl.robots.sim import SimRobot, SimRobotOptions
from hilctl.task import scaffold
from hilctl.task.load import load_task
from hilctl.task.spec import TaskSpec
from hilctl.teleop.base import TeleopInput

CLOSE, OPEN = TeleopInput(gripper=-1, engaged=True), TeleopInput(gripper=1, engaged=True)
LEAVE = TeleopInput(engaged=True)


class Told(SimRobot):
    """The simulated robot, with a record of what its gripper was told."""

    def __init__(self, options: Options, rig: Rig) -> None:
        super().__init__(options, rig)
        self.grips: list[float | None] = []

    def servo(self, command: Command) -> Command:
        self.grips.append(command.gripper)
        return super().servo(command)


def task(tmp_path: Path, gripper: str) -> TaskSpec:
    template = scaffold.find_template("sim-pick")
    scaffold.create(template, tmp_path / "task", template.answers({"gripper": gripper}))
    return load_task(tmp_path / "task")


@contextmanager
def stand(spec: TaskSpec, scene: str = "pick") -> Iterator[tuple[RobotEnv, Told]]:
    rig = Rig(1)
    with Told(SimRobotOptions.model_validate({"scene": scene}), rig) as robot:
        env = RobotEnv(spec, {"": robot}, {}, rig.generator("reset"))
        env.reset()
        robot.grips.clear()
        yield env, robot


def executed(env: RobotEnv, hands: list[TeleopInput]) -> np.ndarray:
    """Return the gripper's numbers of the actions that a hand had executed."""
    hand = Hand(hands)
    taken = Takeover(env, hand, Questions(hand, env.clock))
    return np.array([taken.step(env.idle_action())[4]["executed_action"][-1] for _ in hands])


def test_a_discrete_gripper_is_told_to_close_to_open_or_nothing(tmp_path: Path) -> None:
    with stand(task(tmp_path, "discrete")) as (env, robot):
        done = executed(env, [LEAVE, CLOSE, LEAVE, OPEN])
        assert robot.grips == [None, 0.0, None, 1.0]
    np.testing.assert_array_equal(done, [0, -1, 0, 1])


def test_a_continuous_gripper_moves_while_the_button_is_held_and_stays_when_let_go(
    tmp_path: Path,
) -> None:
    with stand(task(tmp_path, "continuous")) as (env, robot):
        done = executed(env, [LEAVE, CLOSE, CLOSE, LEAVE, OPEN])
    np.testing.assert_allclose(robot.grips, [1.0, 0.8, 0.6, 0.6, 0.8])
    np.testing.assert_allclose(done, 2 * np.array([1.0, 0.8, 0.6, 0.6, 0.8]) - 1)


@pytest.mark.parametrize("kind", ["discrete", "continuous"])
def test_doing_nothing_does_not_drop_what_is_held(kind: str, tmp_path: Path) -> None:
    with stand(task(tmp_path, kind)) as (env, robot):
        executed(env, [CLOSE] * 8)
        for _ in range(8):
            obs, *_ = env.step(env.idle_action())
        assert obs["state"]["gripper"] < 0.1
        assert robot.state().gripper == obs["state"]["gripper"]


def test_a_policy_between_two_choices_gets_the_nearest(tmp_path: Path) -> None:
    with stand(task(tmp_path, "discrete")) as (env, _):
        for number, chosen in ((-0.9, -1), (-0.3, 0), (0.51, 1)):
            *_, info = env.step(np.array([0, 0, 0, 0, 0, 0, number]))
            assert info["executed_action"][-1] == chosen


def test_a_gripper_that_is_told_no_number_stops_the_robot(tmp_path: Path) -> None:
    with stand(task(tmp_path, "discrete")) as (env, robot):
        with pytest.raises(SafetyStopError):
            env.step(np.array([0, 0, 0, 0, 0, 0, np.nan]))
        assert robot.grips == []


def test_episodes_begin_with_the_gripper_open(tmp_path: Path) -> None:
    with stand(task(tmp_path, "continuous")) as (env, _):
        executed(env, [CLOSE] * 8)
        obs, _ = env.reset()
        assert obs["state"]["gripper"] > 0.9
        assert env.idle_action()[-1] == 1.0


def test_a_robot_without_a_gripper_cannot_do_a_task_that_has_one(tmp_path: Path) -> None:
    with (
        pytest.raises(DeviceError, match=r"control\.gripper is 'discrete'"),
        stand(task(tmp_path, "discrete"), "reach"),
    ):
        pass
