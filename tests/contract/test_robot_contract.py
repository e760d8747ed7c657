"""Every robot of the registry keeps its contract."""

from __future__ import annotations

import pytest
from rigs import named, variants

from hilctl.testing import DriverChoice, RobotContract


class TestRobots(RobotContract):
    @pytest.fixture(params=variants("robot"), ids=named)
    def driver(self, request: pytest.FixtureRequest) -> DriverChoice:
        return DriverChoice(*request.param)
