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
from hilctl.calibration.views import (
    BoardPicture,
    ExcludedPicture,
    examine,
    examine_all,
    read_pictures,
)
from hilctl.errors import DataError

BOTH = ["charuco:7x5:30mm:22mm", "chessboard:9x6:25mm"]
BOARDS = [*BOTH, "charuco:7x6:30mm:22mm:apriltag_36h11"]
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
    assert isinstance(examine("good", picture, board), BoardPicture)
    found = examine("bad", spoil(picture), board)
    assert isinstance(found, ExcludedPicture)
    assert re.search(reason, found.reason)


@pytest.mark.parametrize("text", BOTH)
def test_no_good_picture_is_left_out(text: str) -> None:
    board, rng = parse_board(text), np.random.default_rng(0)
    for T in varied_views(board, CAMERA, 12, rng):
        soft = cv2.GaussianBlur(CAMERA.take(board, T), (0, 0), rng.uniform(0.3, 1.2))
        picture = bytes_of(soft * rng.uniform(0.4, 1.15) + rng.normal(0, 6, soft.shape))
        assert isinstance(examine("good", picture, board), BoardPicture)


def with_glare(image: Image) -> Image:
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    spot = np.exp(-((x - 250) ** 2 + (y - 200) ** 2) / (2 * 50.0**2))
    return bytes_of(image + 400 * spot[..., None])


def behind_something(share: float, level: int) -> Callable[[Image], Image]:
    def spoil(image: Image) -> Image:
        covered = image.copy()
        covered[:, : round(share * image.shape[1])] = level
        return covered

    return spoil


def moved_out(share: float) -> Callable[[Image], Image]:
    def spoil(image: Image) -> Image:
        by_px = round(share * image.shape[1])
        return np.pad(image, ((0, 0), (by_px, 0), (0, 0)), mode="edge")[:, : image.shape[1]].copy()

    return spoil


POOR: dict[str, Callable[[Image], Image]] = {
    "blurred": lambda image: bytes_of(cv2.GaussianBlur(image, (0, 0), 2.5)),
    "shaken": lambda image: bytes_of(cv2.blur(image, (9, 1))),
    "behind a hand": behind_something(0.5, 40),
    "behind a wall": behind_something(0.4, 150),
    "out of view": moved_out(0.4),
    "glare": with_glare,
    "bright": lambda image: bytes_of(image * 3.0),
}


LONG_SEARCH = {"behind a hand", "glare"}  # for a chessboard: 9 s each


@pytest.mark.parametrize(
    ("text", "poor"),
    [
        pytest.param(text, poor, marks=[pytest.mark.slow] if long else [])
        for text in BOARDS
        for poor in POOR
        for long in [text.startswith("chessboard") and poor in LONG_SEARCH]
    ],
)
def test_a_poor_picture_is_not_called_another_board(text: str, poor: str) -> None:
    check_that_no_other_board_is_seen(text, poor, views=1)


@pytest.mark.slow
@pytest.mark.parametrize("poor", POOR)
@pytest.mark.parametrize("text", BOARDS)
def test_none_of_many_poor_pictures_is_called_another_board(text: str, poor: str) -> None:
    check_that_no_other_board_is_seen(text, poor, views=12)


def check_that_no_other_board_is_seen(text: str, poor: str, *, views: int) -> None:
    board, rng = parse_board(text), np.random.default_rng(4)
    # many sizes of a chessboard are tried on each picture in which it is not found
    for T in varied_views(board, CAMERA, views, rng):
        found = examine("", POOR[poor](CAMERA.take(board, T)), board)
        assert isinstance(found, BoardPicture) or not re.search(
            "it has|markers are of|do not lie|mirrored", found.reason
        )


@pytest.mark.parametrize(
    ("text", "share", "words"),
    [
        (BOTH[0], 0.6, r"too little of it is clear: \d of 17 markers; show all of it"),
        (BOTH[1], 0.3, "not all of its 9x6 inner corners are clear; show all of it"),
    ],
)
def test_a_board_that_is_seen_in_part_is_asked_for_as_a_whole(
    text: str, share: float, words: str
) -> None:
    board = parse_board(text)
    picture = CAMERA.take(board, looking_at(board, 0.4))
    found = examine("", behind_something(share, 150)(picture), board)
    assert isinstance(found, ExcludedPicture)
    assert re.search(words, found.reason)


@pytest.mark.parametrize(
    "suffix", ["png", "PNG", "JPG", "jpeg", "bmp", "TIF", "tiff", "webp", "pgm", "ppm", "PNM"]
)
def test_pictures_of_every_kind_are_read(suffix: str, tmp_path: Path) -> None:
    board = parse_board(BOTH[0])
    picture = CAMERA.take(board, looking_at(board, 0.35))
    content = cv2.imencode(f".{suffix.lower()}", picture if suffix == "ppm" else picture[..., 0])[1]
    (tmp_path / f"img.{suffix}").write_bytes(bytes(content))
    ((name, image),) = read_pictures(tmp_path)
    assert isinstance(examine(name, image, board), BoardPicture)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("suffix", ["png", "tiff", "pgm"])
def test_a_picture_of_16_bits_is_scaled_by_those_it_uses(
    suffix: str, bits: int, tmp_path: Path
) -> None:
    board = parse_board(BOTH[0])
    picture = CAMERA.take(board, looking_at(board, 0.35))[..., 0]
    levels = (picture.astype(float) / 255 * (2**bits - 1)).round().astype(np.uint16)
    (tmp_path / f"img.{suffix}").write_bytes(bytes(cv2.imencode(f".{suffix}", levels)[1]))
    ((name, image),) = read_pictures(tmp_path)
    assert image is not None
    assert np.abs(image[..., 0].astype(int) - picture).max() <= 1
    assert isinstance(examine(name, image, board), BoardPicture)


def test_clipped_pictures_of_12_bits_are_over_exposed(tmp_path: Path) -> None:
    board = parse_board(BOTH[0])
    picture = CAMERA.take(board, looking_at(board, 0.35))[..., 0].astype(float)
    levels = np.clip(picture * 2 * 16, 0, 4095).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), levels)
    ((name, image),) = read_pictures(tmp_path)
    found = examine(name, image, board)
    assert isinstance(found, ExcludedPicture)
    assert "over-exposed" in found.reason


def test_a_picture_of_another_size_is_left_out_and_named() -> None:
    board = parse_board(BOTH[0])
    picture = CAMERA.take(board, looking_at(board, 0.35))
    small = cv2.resize(picture, (480, 360), interpolation=cv2.INTER_AREA)
    views = examine_all([("a", picture), ("b", small), ("c", picture)], board)
    assert [view.name for view in views.used] == ["a", "c"]
    assert views.left_out == (ExcludedPicture("b", "of another size: 480×360, not 640×480"),)


def test_pictures_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (1, 10, 2, 9, 11):
        cv2.imwrite(str(tmp_path / f"img_{number}.png"), np.zeros((4, 4), np.uint8))
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "._img_1.png").write_bytes(b"what a Mac leaves on a stick")
    names = [name for name, _ in read_pictures(tmp_path)]
    assert names == [f"img_{number}.png" for number in (1, 2, 9, 10, 11)]


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
