"""A board in the simulator is where it says, and its cameras see it as known cameras would."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from scipy.spatial.transform import RigidTransform, Rotation

from hilctl import geometry
from hilctl.calibration.boards import Board, Detection, parse_board
from hilctl.calibration.intrinsics import Intrinsics
from hilctl.cameras.sim import SimCamera, SimCameraOptions
from hilctl.devices import Rig
from hilctl.robots.sim import SimRobot, SimRobotOptions
from hilctl.sim.scenes import BoardScene

BOARDS = {
    "wrist": parse_board("charuco:7x5:20mm:15mm"),
    "side": parse_board("charuco:7x5:12mm:9mm"),
}
MUJOCO_TO_OPENCV = RigidTransform.from_rotation(Rotation.from_rotvec([np.pi, 0, 0]))


def transform(pose: np.ndarray) -> RigidTransform:
    return RigidTransform.from_components(pose[:3], Rotation.from_quat(pose[3:]))


class Studio:
    """An arm, a camera and a board, with their truth."""

    def __init__(self, view: str) -> None:
        rig = Rig(seed=0)
        self.view, self.board = view, BOARDS[view]
        self.robot = SimRobot(SimRobotOptions(scene="insert"), rig)
        self.robot.open()
        self.camera = SimCamera(SimCameraOptions(view=view), rig)
        self.camera.open()
        pattern = self.board.picture(40)
        self.robot.show_board(pattern, self.board.size_m, in_hand=view == "side")

    @property
    def intrinsics(self) -> Intrinsics:
        """What the camera of the model is."""
        height, width = self.camera.still().image.shape[:2]
        fovy_rad = np.deg2rad(self.robot.world.model.camera(self.view).fovy[0])
        f = 0.5 * height / np.tan(fovy_rad / 2)
        K = np.array([[f, 0, (width - 1) / 2], [0, f, (height - 1) / 2], [0, 0, 1]])
        return Intrinsics(K, np.zeros(5), "plumb_bob", (width, height))

    @property
    def T_cam_board(self) -> RigidTransform:
        """Where the camera of the model sees the board."""
        data = self.robot.world.data
        scene = self.robot.world.scene
        assert isinstance(scene, BoardScene)
        seen = data.camera(self.view)
        turn = Rotation.from_matrix(seen.xmat.reshape(3, 3))
        T_base_cam = RigidTransform.from_components(seen.xpos, turn) * MUJOCO_TO_OPENCV
        T_base_board = transform(scene.T_parent_board)
        if self.view == "side":
            T_base_board = transform(self.robot.state().tcp_pose) * T_base_board
        return T_base_cam.inv() * T_base_board

    def look(self) -> Detection | None:
        return self.board.detect(self.camera.still().image)


@pytest.fixture(params=list(BOARDS), scope="module")
def studio(request: pytest.FixtureRequest) -> Iterator[Studio]:
    studio = Studio(request.param)
    yield studio
    studio.robot.close()


@pytest.mark.parametrize("turn_rad", [(0.0, 0.0, 0.0), (0.2, 0.15, 0.3)])
def test_the_board_is_seen_where_the_model_has_it(
    studio: Studio, turn_rad: tuple[float, float, float]
) -> None:
    home = studio.robot.world.scene.home_tcp
    quat = geometry.quat_multiply(home[3:], geometry.quat_from_rotvec(turn_rad))
    studio.robot.move_to(geometry.pose(home[:3], quat), speed=0.5)
    view = studio.look()
    assert view is not None
    expected = studio.intrinsics.project(studio.T_cam_board.apply(view.object_m))
    off_px = np.linalg.norm(view.image_px - expected, axis=1)
    assert len(off_px) >= 12
    assert np.sqrt(np.mean(off_px**2)) < 0.15


def test_a_still_shows_the_same_view_as_a_frame(studio: Studio) -> None:
    frame, still = studio.camera.latest(max_age_s=1).image, studio.camera.still().image
    assert still.shape[0] > 2 * frame.shape[0]
    view = studio.look()
    assert view is not None
    small = studio.intrinsics.at_size(frame.shape[1::-1])
    expected = small.project(studio.T_cam_board.apply(view.object_m))
    scale = frame.shape[0] / still.shape[0]
    np.testing.assert_allclose(expected, (view.image_px + 0.5) * scale - 0.5, atol=0.3)


@pytest.mark.parametrize("view", list(BOARDS))
def test_a_carried_board_rests_where_the_model_has_it_in_ever_new_places(view: str) -> None:
    studio = Studio(view)
    with studio.robot as robot:
        board = BOARDS["wrist"]
        assert robot.carry_board(board.picture(40), board.size_m, studio.camera)
        world, clock = robot.world, robot.rig.clock
        T_cam_base = transform(world.camera_pose(view)).inv()
        clock.sleep_until(clock.now_ns() + 900_000_000)  # the first rest
        places, normals = [], []
        for _ in range(8):
            image = studio.camera.still().image
            found = board.detect(image)
            assert found is not None
            body = world.data.body("board")
            T_base_board = transform(geometry.pose(body.xpos, body.xquat[[1, 2, 3, 0]]))
            T_cam_board = T_cam_base * T_base_board
            expected = studio.intrinsics.project(T_cam_board.apply(found.object_m))
            off_px = np.linalg.norm(found.image_px - expected, axis=1)
            assert np.sqrt(np.mean(off_px**2)) < 0.15
            assert len(off_px) >= 20  # nearly all of it is in view
            places.append(found.image_px.mean(axis=0) / image.shape[1])
            normals.append(T_cam_board.rotation.apply([0, 0, 1]))
            go_to_the_next_rest(studio)
    assert np.ptp(places, axis=0).min() > 0.3
    assert np.degrees(np.arccos(np.min(np.array(normals) @ np.transpose(normals)))) > 45


def go_to_the_next_rest(studio: Studio) -> None:
    world, clock = studio.robot.world, studio.robot.rig.clock
    clock.sleep_until(clock.now_ns() + 1_500_000_000)
    for _ in range(50):
        before = world.data.mocap_pos.copy()
        clock.sleep_until(clock.now_ns() + 100_000_000)
        if (before == world.data.mocap_pos).all():
            return
    raise AssertionError("it never rests")


def test_time_goes_on_when_a_board_is_put_there() -> None:
    robot = SimRobot(SimRobotOptions(scene="reach"), Rig(seed=0))
    with robot:
        robot.world.advance_to(500_000_000)
        board: Board = BOARDS["wrist"]
        robot.show_board(board.picture(20), board.size_m, in_hand=False)
        assert robot.state().stamp_ns == 500_000_000
        assert robot.true_success() is False
