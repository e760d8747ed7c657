"""Boards are understood as people write them, and found where they are."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from photographer import Image, Photographer, looking_at, varied_views
from scipy.spatial.transform import RigidTransform

from hilctl.calibration.boards import Charuco, Chessboard, Detection, parse_board
from hilctl.calibration.boards.markers import SIZES, dictionary_of, relatives
from hilctl.errors import UsageError

CHARUCO, CHESSBOARD = "charuco:7x5:30mm:22mm", "chessboard:9x6:25mm"
BOTH = [CHARUCO, CHESSBOARD]


@pytest.fixture(scope="module")
def camera() -> Photographer:
    return Photographer(distortion=np.array([-0.2, 0.05, 0.001, -0.001, 0.0]))


def off_px(
    camera: Photographer, view: Detection, T_cam_board: RigidTransform
) -> NDArray[np.float64]:
    """Return (N,) px between detected corners and the truth."""
    return np.linalg.norm(view.image_px - camera.project(T_cam_board, view.object_m), axis=1)


@pytest.mark.parametrize("text", BOTH)
def test_corners_are_found_where_they_are(text: str, camera: Photographer) -> None:
    board = parse_board(text)
    for T in varied_views(board, camera, 8, np.random.default_rng(1)):
        view = board.detect(camera.take(board, T))
        assert view is not None
        assert len(view.ids) == np.prod(board.corners)
        assert np.sqrt(np.mean(off_px(camera, view, T) ** 2)) < 0.1


@pytest.mark.parametrize("roll_deg", [0, 90, 180, 270])
@pytest.mark.parametrize("text", BOTH)
def test_a_board_has_the_same_corners_from_every_side(
    text: str, roll_deg: float, camera: Photographer
) -> None:
    board = parse_board(text)
    T = looking_at(board, 0.4, roll_rad=np.deg2rad(roll_deg))
    view = board.detect(camera.take(board, T))
    assert view is not None
    assert off_px(camera, view, T).max() < 0.3


def test_a_charuco_board_may_be_seen_in_part(camera: Photographer) -> None:
    board = parse_board(CHARUCO)
    T = looking_at(board, 0.25, aside=(0.35, 0.2))
    view = board.detect(camera.take(board, T))
    assert view is not None
    assert 8 <= len(view.ids) < np.prod(board.corners)
    assert off_px(camera, view, T).max() < 0.3


def test_corners_on_one_line_are_no_board(camera: Photographer) -> None:
    board = parse_board("charuco:12x4:20mm:15mm")
    T = looking_at(board, 0.45)
    picture = camera.take(board, T)
    view = board.detect(picture)
    assert view is not None
    assert len(view.ids) > 22
    below_px = camera.project(T, np.array([[0.0, 0.041, 0.0]]))[0, 1]
    picture[int(below_px) :] = 205  # two rows of squares are left, and one of corners
    assert board.detect(picture) is None


def test_a_charuco_board_of_an_older_opencv_is_found_too(camera: Photographer) -> None:
    board = Charuco(7, 6, 0.03, 0.022, "5x5_100")
    old = Charuco(7, 6, 0.03, 0.022, "5x5_100")
    old._board.setLegacyPattern(True)
    T = looking_at(board, 0.4)
    assert not np.array_equal(old.picture(20), board.picture(20))
    view = board.detect(camera.take(old, T))
    assert view is not None
    assert off_px(camera, view, T).max() < 0.3


def explained(board: str, picture: Image) -> str | None:
    wanted = parse_board(board)
    assert wanted.detect(picture) is None
    return wanted.explain_absence(picture)


def test_what_is_there_instead_is_said(camera: Photographer) -> None:
    shown = parse_board(CHARUCO)
    picture = camera.take(shown, looking_at(shown, 0.4, tilt_rad=(0.3, 0.2)))
    mirrored = np.ascontiguousarray(picture[:, ::-1])
    assert "mirrored" in str(explained(CHARUCO, mirrored))
    assert "5x5_50, not 4x4_50" in str(explained("charuco:7x5:30mm:22mm:4x4_50", picture))
    assert "marker 16" in str(explained("charuco:5x5:30mm:22mm", picture))
    assert "do not lie as on a board of 9x7" in str(explained("charuco:9x7:30mm:22mm", picture))
    assert explained(CHARUCO, np.full_like(picture, 90)) is None


@pytest.mark.parametrize("dictionary", list(SIZES))
def test_a_board_with_markers_of_any_dictionary_is_found(
    dictionary: str, camera: Photographer
) -> None:
    board = parse_board(f"charuco:7x5:30mm:22mm:DICT_{dictionary.upper()}")
    assert str(board) == f"charuco:7x5:30mm:22mm:{dictionary}"
    T = looking_at(board, 0.4, tilt_rad=(0.3, 0.2))
    view = board.detect(camera.take(board, T))
    assert view is not None
    assert len(view.ids) == np.prod(board.corners)
    assert off_px(camera, view, T).max() < 0.3


@pytest.mark.parametrize("side", ["4x4", "5x5", "6x6", "7x7"])
def test_smaller_dictionaries_are_the_beginning_of_larger_ones(side: str) -> None:
    names = relatives(f"{side}_100")
    assert names == [f"{side}_{size}" for size in (50, 100, 250, 1000)]
    *smaller, largest = [dictionary_of(name).bytesList for name in names]
    for codes in smaller:
        np.testing.assert_array_equal(codes, largest[: len(codes)])


def test_sizes_of_dictionaries_are_those_of_opencv() -> None:
    assert {name: len(dictionary_of(name).bytesList) for name in SIZES} == SIZES


def test_a_board_of_a_dictionary_is_found_as_one_of_a_larger_one(camera: Photographer) -> None:
    printed = parse_board("charuco:7x5:30mm:22mm:4x4_50")
    picture = camera.take(printed, looking_at(printed, 0.4))
    for name in ("4x4_100", "4x4_1000"):
        assert parse_board(f"charuco:7x5:30mm:22mm:{name}").detect(picture) is not None


def test_too_small_a_dictionary_is_refused_with_the_one_that_begins_alike() -> None:
    with pytest.raises(UsageError, match="need 52 markers, the dictionary 4x4_50 has 50") as caught:
        parse_board("charuco:13x8:30mm:22mm:4x4_50")
    assert str(caught.value.hint).startswith("4x4_100 begins with the same markers")


def test_a_chessboard_of_another_size_is_named(camera: Photographer) -> None:
    shown = parse_board("chessboard:8x5:25mm")
    picture = camera.take(shown, looking_at(shown, 0.4, tilt_rad=(0.2, 0.1)))
    assert explained("chessboard:9x6:25mm", picture) == "it has 8x5 inner corners, not 9x6"
    assert explained(CHESSBOARD, np.full_like(picture, 90)) is None


@given(
    columns=st.integers(3, 9),
    rows=st.integers(3, 9),
    square_mm=st.integers(5, 90),
    share=st.floats(0.35, 0.9),
)
@settings(max_examples=30, deadline=None)
def test_a_board_is_read_back_as_it_is_written(
    columns: int, rows: int, square_mm: int, share: float
) -> None:
    chessboard = Chessboard(columns, rows, square_mm * 1e-3)
    marker_m = round(share * square_mm, 1) * 1e-3
    charuco = Charuco(columns, rows, square_mm * 1e-3, marker_m, "6x6_250")
    for board in (chessboard, charuco):
        again = parse_board(str(board))
        assert type(again) is type(board)
        assert str(again) == str(board)
        assert again.corners == board.corners
        np.testing.assert_allclose(again.corner_places_m(), board.corner_places_m(), rtol=1e-9)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("checkerboard:9x6:25mm", "is no calibration board"),
        ("chessboard:9x6", "is no calibration board"),
        ("chessboard:9:25mm", "columns and rows"),
        ("chessboard:2x6:25mm", "columns and rows"),
        ("chessboard:9x6:25", "a length with its unit"),
        ("chessboard:9x6:25km", "a length with its unit"),
        ("chessboard:9x6:0mm", "a length with its unit"),
        ("charuco:7x5:22mm:30mm", "does not fit a square"),
        ("charuco:7x5:30mm:22mm:9x9_3", "no markers are called"),
        ("charuco:30x30:30mm:22mm", "need 450 markers"),
        ("charuco:30x30:30mm:22mm:apriltag_16h5", "need 450 markers"),
        ("", "is no calibration board"),
    ],
)
def test_a_board_that_makes_no_sense_is_refused_with_an_example(text: str, part: str) -> None:
    with pytest.raises(UsageError, match=part) as caught:
        parse_board(text)
    assert caught.value.hint


@given(st.text(max_size=30))
def test_no_text_crashes_the_reader_of_boards(text: str) -> None:
    with contextlib.suppress(UsageError):
        parse_board(text)
