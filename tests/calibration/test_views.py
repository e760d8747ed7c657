"""Pictures that cannot be measured in are left out, each with its reason and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from photographer import Image, Photographer, looking_at, varied_views

from hilctl.calibration.boards import parse_board
from hilctl.calibration.views import LeftOut, View, examine, examine_all, read_pictures
from hilctl.errors import DataError

BOTH = ["charuco:7x5:30mm:22mm", "chessboard:9x6:25mm"]
CAMERA = Photographer()


def bytes_of(levels: np.ndarray) -> Image:
    return np.clip(levels, 0, 255).astype(np.uint8)


HARM: dict[str, tuple[Callable[[Image], Image], str]] = {
    "blurred": (lambda image: bytes_of(cv2.GaussianBlur(image, (0, 0), 6.0)), "blurred"),
    "shaken": (lambda image: bytes_of(cv2.blur(image, (25, 1))), "blurred"),
    "bright": (lambda image: bytes_of(image * 2.0), "over-exposed"),
    "white": (lambda image: bytes_of(image * 6.0 + 100), "over-exposed"),
    "dim": (lambda image: bytes_of(image * 0.1), "contrast"),
    "black": (lambda image: bytes_of(image * 0.0), "black"),
    "empty": (lambda image: bytes_of(image * 0.0 + 120), "no (chessboard|ChArUco board) in it"),
}


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("text", BOTH)
def test_a_harmed_picture_is_left_out_for_its_own_reason(text: str, harm: str) -> None:
    board = parse_board(text)
    spoil, reason = HARM[harm]
    picture = CAMERA.take(board, looking_at(board, 0.35, tilt_rad=(0.3, -0.2), roll_rad=0.2))
    assert isinstance(examine("good", picture, board), View)
    found = examine("bad", spoil(picture), board)
    assert isinstance(found, LeftOut)
    assert re.search(reason, found.reason)


@pytest.mark.parametrize("text", BOTH)
def test_no_good_picture_is_left_out(text: str) -> None:
    board, rng = parse_board(text), np.random.default_rng(0)
    for T in varied_views(board, CAMERA, 25, rng):
        soft = cv2.GaussianBlur(CAMERA.take(board, T), (0, 0), rng.uniform(0.3, 1.2))
        picture = bytes_of(soft * rng.uniform(0.4, 1.15) + rng.normal(0, 6, soft.shape))
        assert isinstance(examine("good", picture, board), View)


def test_a_folder_is_read_in_order_and_damage_is_named(tmp_path: Path) -> None:
    board = parse_board(BOTH[0])
    picture = CAMERA.take(board, looking_at(board, 0.35))
    red = picture * np.array([1, 0, 0], np.uint8)
    cv2.imwrite(str(tmp_path / "b.png"), np.ascontiguousarray(red[..., ::-1]))
    cv2.imwrite(str(tmp_path / "a.jpg"), picture)
    half = (tmp_path / "b.png").read_bytes()[:60]
    (tmp_path / "c.png").write_bytes(half)
    (tmp_path / "d.png").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("no picture")
    pictures = dict(read_pictures(tmp_path))
    assert list(pictures) == ["a.jpg", "b.png", "c.png", "d.png"]
    np.testing.assert_array_equal(pictures["b.png"], red)
    views = examine_all(pictures.items(), board)
    assert views.used[0].name == "a.jpg"
    unreadable = {one.name for one in views.left_out if "cannot be read" in one.reason}
    assert unreadable == {"c.png", "d.png"}


def test_too_few_pictures_are_refused_with_the_commonest_reason(tmp_path: Path) -> None:
    board = parse_board(BOTH[0])
    good = CAMERA.take(board, looking_at(board, 0.35))
    pictures = [("good", good), *((f"{i}", HARM["bright"][0](good)) for i in range(3))]
    views = examine_all(pictures, board)
    views.require(1)
    with pytest.raises(DataError, match=r"in 1 of 4 pictures, 10 are needed \(3 × over-exposed\)"):
        views.require(10)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no picture"):
        list(read_pictures(tmp_path))
    with pytest.raises(DataError, match="no folder"):
        list(read_pictures(tmp_path / "absent"))
