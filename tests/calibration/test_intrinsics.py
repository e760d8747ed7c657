"""Intrinsics agree with the camera that took the pictures, and say how far to trust them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from photographer import Image, Photographer, looking_at, varied_views

from hilctl.calibration.boards import Detection, parse_board
from hilctl.calibration.fit_intrinsics import IntrinsicsFit, fit_intrinsics
from hilctl.calibration.intrinsics import Intrinsics
from hilctl.calibration.judge_intrinsics import judge
from hilctl.errors import DataError

BOARD = parse_board("charuco:7x5:30mm:22mm")
CAMERAS = {
    "plumb_bob": Photographer(distortion=np.array([-0.3, 0.12, 0.001, -0.001, -0.02])),
    "fisheye": Photographer(
        focal_px=300, distortion=np.array([-0.02, 0.005, 0.0, 0.0]), fisheye=True
    ),
}
NOISE_PX = 0.15


def views_of(camera: Photographer, seed: int, count: int = 14) -> list[Detection]:
    """Return what a careful person's pictures give."""
    rng = np.random.default_rng(seed)
    poses = varied_views(BOARD, camera, count, rng)
    return [camera.corners(BOARD, T, NOISE_PX, rng) for T in poses]


def fit(views: list[Detection]) -> IntrinsicsFit:
    return fit_intrinsics(views, np.random.default_rng(0))


def noisy(image: Image, rng: np.random.Generator) -> Image:
    soft = cv2.GaussianBlur(image, (0, 0), 1.0)
    return np.clip(0.8 * soft + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)


@cache
def pictures_of(text: str) -> list[Image]:
    """Return pictures of a board by a camera with distortion."""
    board, camera, rng = parse_board(text), CAMERAS["plumb_bob"], np.random.default_rng(2)
    return [camera.take(board, T) for T in varied_views(board, camera, 14, rng)]


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize(
    "text",
    ["charuco:7x5:30mm:22mm", pytest.param("chessboard:9x6:25mm", marks=pytest.mark.slow)],
)
def test_pictures_give_the_camera_that_took_them(text: str, clean: bool) -> None:
    board, camera, rng = parse_board(text), CAMERAS["plumb_bob"], np.random.default_rng(3)
    found = [board.detect(p if clean else noisy(p, rng)) for p in pictures_of(text)]
    views = [view for view in found if view is not None]
    fitted = fit(views)
    assert len(views) == 14
    assert fitted.rms_px < (0.3 if clean else 0.5)
    fx, fy, cx, cy = fitted.intrinsics.parameters[:4]
    assert [fx, fy] == pytest.approx([camera.focal_px] * 2, rel=0.003)
    assert [cx, cy] == pytest.approx(camera.centre_px, abs=1.0)
    assert judge(fitted, views).objections == []


@pytest.mark.parametrize("model", CAMERAS)
def test_the_model_is_the_one_that_predicts_unseen_pictures(model: str) -> None:
    camera = CAMERAS[model]
    fitted = fit(views_of(camera, seed=3))
    assert fitted.intrinsics.model == model
    assert fitted.rms_px < 2 * NOISE_PX
    assert fitted.intrinsics.parameters[:2] == pytest.approx([camera.focal_px] * 2, rel=0.003)


@pytest.mark.slow
def test_the_stated_interval_covers_the_truth() -> None:
    camera = CAMERAS["plumb_bob"]
    truth = np.array([camera.focal_px, camera.focal_px, *camera.centre_px])
    covered = []
    for seed in range(50):
        fitted = fit(views_of(camera, seed))
        off = np.abs(fitted.intrinsics.parameters[:4] - truth)
        covered.append(off <= 1.96 * fitted.sigma[:4])
    assert np.mean(covered, axis=0).min() >= 0.9


def test_views_that_are_alike_are_refused_although_they_fit_well() -> None:
    camera, rng = CAMERAS["plumb_bob"], np.random.default_rng(4)
    asides = [(0.06 * i, 0.05 * j) for i in range(-2, 3) for j in range(-1, 2)]
    poses = [looking_at(BOARD, 0.6, tilt_rad=(0.2, 0.1), aside=aside) for aside in asides]
    views = [camera.corners(BOARD, pose, 0.01, rng) for pose in poses]
    fitted = fit(views)
    assert fitted.rms_px < 0.1
    assert any("alike" in reason for reason in judge(fitted, views).objections)


@pytest.mark.parametrize("noise_px", [0.0, 0.3])
def test_copies_of_views_do_not_make_up_for_those_that_are_missing(noise_px: float) -> None:
    rng = np.random.default_rng(9)
    views = [
        replace(view, image_px=view.image_px + rng.normal(0, noise_px, view.image_px.shape))
        for view in views_of(CAMERAS["plumb_bob"], seed=9, count=4)
        for _ in range(3)
    ]
    with pytest.raises(DataError, match="4 distinct in 12 pictures, 10 are needed"):
        fit(views)


@pytest.mark.slow
def test_copies_of_views_make_nothing_look_better_known() -> None:
    views = views_of(CAMERAS["plumb_bob"], seed=10, count=12)
    alone, found = fit(views), fit([view for view in views for _ in range(3)])
    assert found.rms_px == pytest.approx(alone.rms_px, rel=0.02)
    assert found.sigma[:4] == pytest.approx(alone.sigma[:4], rel=0.1)


def test_a_board_that_stays_in_the_middle_is_refused() -> None:
    camera, rng = CAMERAS["plumb_bob"], np.random.default_rng(5)
    tilts = rng.uniform(-0.5, 0.5, (15, 2))
    poses = [looking_at(BOARD, 1.2, tilt_rad=(a, b)) for a, b in tilts]
    views = [camera.corners(BOARD, pose, 0.05, rng) for pose in poses]
    assert any("cover" in reason for reason in judge(fit(views), views).objections)


def test_a_bent_board_or_a_bad_camera_is_refused() -> None:
    rng = np.random.default_rng(6)
    views = [
        replace(view, image_px=view.image_px + rng.normal(0, 1.0, view.image_px.shape))
        for view in views_of(CAMERAS["plumb_bob"], seed=6)
    ]
    assert any("px off" in reason for reason in judge(fit(views), views).objections)


def test_a_view_that_does_not_belong_is_dropped_and_named() -> None:
    views = views_of(CAMERAS["plumb_bob"], seed=7, count=20)
    strange = views[4]
    shift = np.linspace(0, 9, len(strange.image_px))[:, None] ** 1.5
    views[4] = replace(strange, image_px=strange.image_px + shift)
    fitted = fit(views)
    assert fitted.dropped == (4,)
    assert fitted.intrinsics.parameters[0] == pytest.approx(600, rel=0.003)


def test_too_few_and_mixed_pictures_are_refused() -> None:
    views = views_of(CAMERAS["plumb_bob"], seed=8)
    with pytest.raises(DataError, match="found in 9 pictures, 10 are needed"):
        fit(views[:9])
    views[3] = replace(views[3], size_px=(480, 640))
    with pytest.raises(DataError, match="different sizes: 480×640, 640×480"):
        fit(views)


@pytest.mark.parametrize("model", CAMERAS)
@given(x=st.floats(-0.4, 0.4), y=st.floats(-0.3, 0.3), z=st.floats(0.1, 3))
@settings(max_examples=50, deadline=None)
def test_what_is_projected_comes_back_as_a_direction(
    model: str, x: float, y: float, z: float
) -> None:
    camera = CAMERAS[model]
    known = Intrinsics(camera.K, camera.distortion, model, camera.size_px)
    back = known.straightened(known.project(np.array([[x * z, y * z, z]])))
    np.testing.assert_allclose(back, [[x, y]], atol=1e-4)


def test_smaller_pictures_of_the_same_view_have_the_same_intrinsics_in_small() -> None:
    large = Photographer(size_px=(640, 480))
    small = Photographer(size_px=(320, 240), focal_px=300, centre_px=(163.25, 117.75))
    halved = Intrinsics(large.K, np.zeros(5), "plumb_bob", large.size_px).at_size((320, 240))
    np.testing.assert_allclose(halved.K, small.K)
    pose = looking_at(BOARD, 0.4, tilt_rad=(0.3, -0.2))
    expected = cv2.resize(large.take(BOARD, pose), (320, 240), interpolation=cv2.INTER_AREA)
    assert np.abs(expected.astype(int) - small.take(BOARD, pose)).mean() < 1.0
