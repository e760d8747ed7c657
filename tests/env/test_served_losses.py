"""An arm behind a robot server that is lost in an episode: held, told, and found with one key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from typing import Any

import numpy as np
import pytest
from fake_robot_server import FakeArm, altered, hang_up, serving, slow
from test_losses import Eye, PersonsHand

from hilctl.devices import Options, Rig
from hilctl.env.losses import HoldOnLoss
from hilctl.env.questions import Questions
from hilctl.env.robot_env import RobotEnv
from hilctl.env.safety import reset_pose
from hilctl.env.wrappers import Takeover
from hilctl.errors import StaleStateError
from hilctl.robots.serl_http import SerlHttpRobot
from hilctl.robots.serl_options import SerlHttpOptions
from hilctl.task.spec import TaskSpec
from hilctl.teleop.base import TeleopEvent

FORWARD = np.array([0.0, 0, 1, 0, 0, 0])
LOST = {
    "hangs up": (hang_up, "hung up during getstate"),
    "slow": (slow, "answer"),
    "no number": (altered(vel=[float("nan")] * 6), "a vel that is not finite"),
}


class Cell:
    """An arm behind a server, a camera, and a person who mends the server once asked."""

    def __init__(self, spec: TaskSpec, arm: FakeArm, stack: ExitStack) -> None:
        rig = Rig()
        self.arm, self.hand, self.told = arm, PersonsHand(rig), list[str]()
        nothing = dict.fromkeys(("random_xy_m", "random_z_m", "random_yaw_rad"), 0.0)
        reset = spec.reset.model_copy(update=nothing)  # it is at its start
        arm.pose = reset_pose(reset).tolist()
        options = SerlHttpOptions(url=arm.url)
        self.robot = stack.enter_context(SerlHttpRobot(options, rig))
        camera = next(iter(spec.cameras.values()))
        task = spec.model_copy(update={"cameras": {"eye": camera}, "reset": reset})
        waits = spec.operator.model_copy(update={"wait_s": 20.0})
        questions = Questions(self.hand, rig.clock, waits, self._screen)
        bare = RobotEnv(
            task, {"": self.robot}, {"eye": Eye(Options(), rig)}, np.random.default_rng(0)
        )
        self.env = Takeover(HoldOnLoss(bare, questions), self.hand, questions)
        self.env.reset()

    def _screen(self, name: str, text: str, figures: Mapping[str, Any]) -> None:
        self.told.append(text)
        self.hand.asked = name == "waiting"

    def until_noticed(self) -> None:
        """Wait until the server is known to be lost: half a second."""
        with suppress(StaleStateError):
            while self.robot.state():
                pass

    def mend(self) -> TeleopEvent:
        """Mend the server, and say that it goes on."""
        self.arm.misbehaves = None
        return TeleopEvent.PAUSE


@pytest.fixture
def cell(spec: TaskSpec) -> Iterator[Cell]:
    with ExitStack() as stack:
        arm = stack.enter_context(serving(FakeArm()))
        yield Cell(spec, arm, stack)


@pytest.mark.parametrize("fault", LOST)
def test_it_is_held_told_and_goes_on_in_the_same_episode_with_one_key(
    cell: Cell, fault: str
) -> None:
    cell.env.step(FORWARD)
    misbehaves, told = LOST[fault]
    cell.hand.answers = [lambda: None, cell.mend]
    cell.arm.misbehaves = misbehaves
    posted = len(cell.arm.calls)
    for _ in range(10):
        *_, truncated, info = cell.env.step(FORWARD)
        if "lost" in info:
            break
    assert told in info["lost"]
    assert any(told in text and "the robot holds" in text for text in cell.told)
    assert not truncated
    assert set(cell.arm.routes) == {"pose"}  # no error is cleared that there is none of
    before = np.array(cell.arm.pose)
    for _ in range(3):
        cell.env.step(FORWARD)
    assert len(cell.arm.calls) > posted
    assert np.linalg.norm(np.array(cell.arm.pose)[:3] - before[:3]) > 0.001


def test_an_arm_that_stopped_itself_is_cleared_with_the_same_key(cell: Cell) -> None:
    """A server that refuses poses is the arm's own affair, and so is its error."""
    cell.arm.refuses = {"pose"}

    def free_it() -> TeleopEvent:
        cell.arm.refuses = set()
        return TeleopEvent.PAUSE

    cell.hand.answers = [lambda: None, free_it]
    for _ in range(5):
        *_, info = cell.env.step(FORWARD)
        if "lost" in info:
            break
    assert "pose with 500" in info["lost"]
    assert "clearerr" in cell.arm.routes


def test_a_hand_and_a_server_that_are_lost_at_once_are_told_in_one_and_go_on_with_one_key(
    cell: Cell,
) -> None:
    cell.env.step(FORWARD)
    cell.arm.misbehaves, cell.hand.present = hang_up, False
    cell.until_noticed()

    def come_back() -> TeleopEvent:
        cell.hand.present = True
        return cell.mend()

    cell.hand.answers = [lambda: None, come_back]
    *_, truncated, _ = cell.env.step(FORWARD)
    assert not truncated
    (asked,) = [text for text in cell.told if "the robot holds" in text]
    assert "the mouse is gone" in asked
    assert "hung up" in asked
    assert set(cell.arm.routes) == {"pose"}
    posted = len(cell.arm.calls)
    for _ in range(3):
        cell.env.step(FORWARD)
    assert len(cell.arm.calls) > posted
