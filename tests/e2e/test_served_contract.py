"""Robots and hands that are reached over HTTP keep their contracts, against `hilctl serve-sim`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hilctl import geometry
from hilctl.devices import Rig
from hilctl.rehearsal.server import open_rehearsal
from hilctl.robots import ROBOTS
from hilctl.robots.rehearsed import RehearsedOptions, RehearsedRobot
from hilctl.robots.serl_http import SerlHttpRobot
from hilctl.testing import DeviceContract, DriverChoice, RobotContract, TeleopContract


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with open_rehearsal("pick", port=0, gripper="robotiq") as rehearsal:
        yield rehearsal.arms[""]


class TestRehearsedRobot(RobotContract):
    """All that a robot promises; that it is a `serl_http` robot is seen below."""

    @pytest.fixture(autouse=True)
    def everything_in_place(self, url: str) -> None:
        """Begin in the open, whatever the last test left behind."""
        with RehearsedRobot(RehearsedOptions(url=url), Rig()) as robot:
            robot.move_to(geometry.pose([0.5, 0.0, 0.16], [1, 0, 0, 0]), speed=1.0)
            robot.reset_scene()

    @pytest.fixture
    def driver(self, url: str) -> DriverChoice:
        return DriverChoice("rehearsed", {"url": url, "gripper": "robotiq"})


class TestSerlHttpRobot(DeviceContract):
    registry = ROBOTS

    @pytest.fixture
    def driver(self, url: str) -> DriverChoice:
        return DriverChoice("serl_http", {"url": url, "gripper": "robotiq"})


def test_a_rehearsed_robot_is_driven_as_a_real_one_is() -> None:
    own = {"servo", "move_to", "state", "stop", "maintain"} & {*vars(RehearsedRobot)}
    assert issubclass(RehearsedRobot, SerlHttpRobot)
    assert own == set()


class TestServedOperator(TeleopContract):
    polls = 5  # in real time

    @pytest.fixture
    def driver(self, url: str) -> DriverChoice:
        return DriverChoice("rehearsed", {"url": url})
