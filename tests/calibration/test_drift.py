"""A camera that moved is noticed and measured; one that did not is left in peace."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import mujoco
import numpy as np
import pytest

from hilctl import geometry
from hilctl.calibration.boards.base import Image
from hilctl.calibration.drift import measure_drift
from hilctl.cameras.sim import SimCamera, SimCameraOptions
from hilctl.devices import Rig
from hilctl.robots.sim import SimRobot, SimRobotOptions


class Stage:
    """The insert scene, photographed by a camera that can be turned a little."""

    def __init__(self, view: str) -> None:
        rig = Rig(seed=0)
        self.view = view
        self.robot = SimRobot(SimRobotOptions(scene="insert"), rig)
        self.robot.open()
        self.camera = SimCamera(SimCameraOptions(view=view), rig)
        self.camera.open()
        self.world = self.robot.world
        self._id = self.world.model.camera(view).id
        self._quat = self.world.model.cam_quat[self._id].copy()

    def photograph(
        self,
        shift_px: tuple[float, float] = (0.0, 0.0),
        arm_m: tuple[float, float, float] = (0, 0, 0),
    ) -> Image:
        """Return a picture with the camera turned so that its middle moves by `shift_px`."""
        model, data = self.world.model, self.world.data
        height_px = 480
        focal_px = 0.5 * height_px / np.tan(np.deg2rad(model.cam_fovy[self._id]) / 2)
        # a picture moves right when the camera turns left, and down when it turns up
        turn = np.array([shift_px[1], shift_px[0], 0.0]) / focal_px
        quat = geometry.quat_multiply(self._quat[[1, 2, 3, 0]], geometry.quat_from_rotvec(turn))
        model.cam_quat[self._id] = quat[[3, 0, 1, 2]]
        home = self.world.scene.home_tcp
        self.robot.move_to(geometry.pose(home[:3] + arm_m, home[3:]), speed=0.5)
        mujoco.mj_forward(model, data)
        picture = self.camera.still().image
        model.cam_quat[self._id] = self._quat
        return picture


@pytest.fixture(scope="module", params=["wrist", "side"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    stage = Stage(request.param)
    yield stage
    stage.robot.close()


def lit(picture: Image, gain: float, tilt: float, noise: float, rng: np.random.Generator) -> Image:
    """Return a picture in other light: brighter, from another side, with noise."""
    slope = 1 + tilt * np.linspace(-1, 1, picture.shape[1])[None, :, None]
    levels = gain * slope * picture + rng.normal(0, noise, picture.shape)
    return np.clip(levels, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("distance_px", [0.5, 2.0, 4.0, 10.0])
def test_a_turned_camera_is_measured_through_other_light_and_a_moved_arm(
    stage: Stage, distance_px: float
) -> None:
    rng = np.random.default_rng(int(10 * distance_px))
    reference = stage.photograph()
    # a camera on the arm moves with it: its pictures are compared at the same pose
    arm_m = (0.0, 0.0, 0.0) if stage.view == "wrist" else (0.02, 0.0, 0.01)
    for angle in rng.uniform(0, 2 * np.pi, 4):
        shift = distance_px * np.array([np.cos(angle), np.sin(angle)])
        moved = lit(stage.photograph((shift[0], shift[1]), arm_m), 0.8, 0.15, 4.0, rng)
        drift = measure_drift(reference, moved)
        assert drift.shift_px is not None
        assert np.abs(drift.shift_px - shift).max() < 0.3


@pytest.mark.parametrize("unmoved", range(8))
def test_no_unmoved_camera_is_said_to_have_moved(stage: Stage, unmoved: int) -> None:
    rng = np.random.default_rng(unmoved)
    reference = lit(stage.photograph(), 1.0, 0.0, 4.0, rng)
    arm_m = np.zeros(3) if stage.view == "wrist" else rng.uniform(-0.03, 0.03, 3)
    again = stage.photograph(arm_m=(arm_m[0], arm_m[1], max(0.0, arm_m[2])))
    gain, tilt = rng.uniform(0.6, 1.3), rng.uniform(-0.3, 0.3)
    drift = measure_drift(reference, lit(again, gain, tilt, 4.0, rng))
    assert drift.distance_px is not None
    assert drift.distance_px < 1.0


def test_light_and_colour_are_told_apart(stage: Stage) -> None:
    reference = stage.photograph()
    darker = (0.5 * reference).astype(np.uint8)
    redder = np.clip(reference * [1.3, 1.0, 0.7], 0, 255).astype(np.uint8)
    assert measure_drift(reference, darker).brightness == pytest.approx(0.5, abs=0.02)
    assert measure_drift(reference, darker).colour < 0.01
    assert measure_drift(reference, redder).colour > 0.05


def test_a_covered_or_quite_other_picture_cannot_be_compared(stage: Stage) -> None:
    reference = stage.photograph()
    noise = np.random.default_rng(0).normal(128, 30, reference.shape)
    soft = np.clip(cv2.GaussianBlur(noise, (0, 0), 3) * 4 - 384, 0, 255).astype(np.uint8)
    for other in (np.zeros_like(reference), np.full_like(reference, 200), soft):
        assert measure_drift(reference, other).shift_px is None


def test_a_picture_with_hardly_anything_in_it_is_said_to_be_plain(stage: Stage) -> None:
    reference = stage.photograph()
    wall = np.full_like(reference, 140)
    wall[200:240, 200:240] = 60
    assert measure_drift(wall, wall).plain
    assert not measure_drift(reference, wall).plain
