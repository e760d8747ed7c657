"""What is drawn into a picture lies where a camera would see it."""

from __future__ import annotations

import numpy as np
from photographer import Photographer, looking_at
from scipy.spatial.transform import RigidTransform, Rotation

from hilctl.calibration.boards import parse_board
from hilctl.calibration.intrinsics import Intrinsics
from hilctl.calibration.overlay import GREEN, YELLOW, axes, box, draw, outline

CAMERA = Photographer(distortion=np.array([-0.2, 0.05, 0.001, -0.001, 0.0]))
KNOWN = Intrinsics(CAMERA.K, CAMERA.distortion, "plumb_bob", CAMERA.size_px)
BLANK = np.zeros((480, 640, 3), np.uint8)
T_BASE_CAM = RigidTransform.from_components([0.3, -0.2, 0.5], Rotation.from_rotvec([2.5, 0.2, 0.1]))


def test_the_outline_of_a_board_lies_on_its_picture() -> None:
    board = parse_board("chessboard:9x6:25mm")
    T_cam_board = looking_at(board, 0.4, tilt_rad=(0.4, 0.3))
    picture = CAMERA.take(board, T_cam_board)
    lines = outline(T_BASE_CAM * T_cam_board, board.size_m, YELLOW)
    drawn = draw(picture, KNOWN, T_BASE_CAM, lines)
    changed = np.argwhere((drawn != picture).any(axis=2))[:, ::-1]
    width, height = board.size_m
    corners = np.array([[0, 0, 0], [width, 0, 0], [width, height, 0], [0, height, 0]])
    for corner in CAMERA.project(T_cam_board, corners):
        assert np.linalg.norm(changed - corner, axis=1).min() < 2.0
    # and nothing is drawn inside: there the board is as it was
    middle = CAMERA.project(T_cam_board, np.array([[width / 2, height / 2, 0.0]]))
    assert np.linalg.norm(changed - middle, axis=1).min() > 50


def test_axes_are_coloured_as_everybody_does() -> None:
    T_base_thing = T_BASE_CAM * RigidTransform.from_translation([0.0, 0.0, 0.4])
    drawn = draw(BLANK, KNOWN, T_BASE_CAM, axes(T_base_thing, 0.1)).astype(int)
    # the picture's x is red and goes right from the middle, y is green and goes down
    origin = CAMERA.project(RigidTransform.identity(), np.array([[0.0, 0, 0.4]]))[0]
    x, y = origin.round().astype(int)
    assert np.argmax(drawn[y, x + 60]) == 0
    assert np.argmax(drawn[y + 60, x]) == 1
    assert drawn[y, x - 60].sum() == drawn[y - 60, x].sum() == 0


def test_what_is_behind_the_camera_is_left_out() -> None:
    behind = T_BASE_CAM.apply([[-0.1, -0.1, -0.5], [0.1, 0.1, -0.3]])
    lines = box(behind.min(axis=0), behind.max(axis=0), GREEN)
    assert len(lines) == 12
    np.testing.assert_array_equal(draw(BLANK, KNOWN, T_BASE_CAM, lines), BLANK)
