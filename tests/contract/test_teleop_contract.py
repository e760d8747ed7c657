"""Every hand of the registry keeps its contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from rigs import ACTION_SCALE, named, simulated_rig, variants

from hilctl import geometry
from hilctl.devices import Rig
from hilctl.robots.base import Command, Robot
from hilctl.teleop.base import TeleopInput
from hilctl.testing import DriverChoice, TeleopContract


class TestTeleops(TeleopContract):
    robot: Robot

    @pytest.fixture(params=variants("teleop"), ids=named)
    def driver(self, request: pytest.FixtureRequest) -> DriverChoice:
        return DriverChoice(*request.param)

    @pytest.fixture
    def rig(self) -> Iterator[Rig]:
        with simulated_rig() as (rig, self.robot):
            yield rig

    def follow(self, hand: TeleopInput) -> None:
        step = hand.twist * ACTION_SCALE
        move = geometry.pose(step[:3], geometry.quat_from_rotvec(step[3:]))
        self.robot.servo(Command(geometry.compose(self.robot.state().tcp_pose, move)))
