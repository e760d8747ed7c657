"""Every camera of the registry keeps its contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from rigs import OPTIONS, REGISTRIES, named, opened_camera, simulated_rig, variants

from hilctl.cameras import CAMERAS
from hilctl.devices import Rig
from hilctl.robots.base import Robot
from hilctl.testing import CameraContract, DriverChoice


class TestCameras(CameraContract):
    robot: Robot | None = None

    @pytest.fixture(params=variants("camera"), ids=named)
    def driver(self, request: pytest.FixtureRequest) -> DriverChoice:
        return DriverChoice(*request.param)

    @pytest.fixture
    def rig(self, driver: DriverChoice) -> Iterator[Rig]:
        self.exposure_shows = driver.type != "basler"  # its emulator draws the same
        if CAMERAS.get(driver.type).in_real_time:
            self.robot = None
            yield Rig()
        else:
            with simulated_rig() as (rig, self.robot):
                yield rig

    def change_view(self, rig: Rig) -> bool:
        if self.robot is None:  # what is looked at moves by itself
            return True
        target = self.robot.state().tcp_pose.copy()
        target[:2] += 0.03
        self.robot.move_to(target, speed=0.5)
        return True


@pytest.mark.parametrize("name", REGISTRIES["camera"].names())
def test_a_serial_is_no_other_devices(name: str) -> None:
    serials = []
    for options in OPTIONS["camera"][name]:
        with opened_camera(name, options) as (camera, _):
            serials += [] if camera.serial is None else [camera.serial]
    assert len(set(serials)) == len(serials)
