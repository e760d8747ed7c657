"""A picture at another size keeps its shapes, is in the middle, and is not cut."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hilctl.networks.encoders.base import encode_each
from hilctl.networks.letterbox import filled_box, filled_share, letterboxed

sides = st.integers(16, 300)
sizes = st.tuples(sides, sides)


@given(sizes, sizes)
def test_the_box_lies_in_the_middle_and_has_the_aspect_of_the_picture(
    picture: tuple[int, int], size: tuple[int, int]
) -> None:
    x, y, width, height = filled_box(picture, size)
    assert 0 <= x <= x + width <= size[0]
    assert 0 <= y <= y + height <= size[1]
    assert abs((size[0] - width) - 2 * x) <= 1
    assert abs((size[1] - height) - 2 * y) <= 1
    assert width == size[0] or height == size[1]
    scale = min(size[0] / picture[0], size[1] / picture[1])
    assert abs(width - scale * picture[0]) <= 0.51 or width == 1
    assert abs(height - scale * picture[1]) <= 0.51 or height == 1


def test_a_circle_stays_round() -> None:
    ys, xs = np.mgrid[:240, :320]
    disc = (np.hypot(xs - 160, ys - 120) < 100)[..., None] * np.full(3, 255, np.uint8)
    seen = letterboxed(disc.astype(np.uint8), (128, 128))[..., 0] > 127
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    assert abs(np.ptp(rows) - np.ptp(columns)) <= 1
    assert (seen[:16] == 0).all()
    assert (seen[-16:] == 0).all()
    assert filled_share((320, 240), (128, 128)) == 0.75


def test_a_picture_of_the_same_aspect_has_no_bars() -> None:
    white = np.full((100, 200, 3), 255, np.uint8)
    assert letterboxed(white, (60, 30)).min() == 255
    np.testing.assert_array_equal(letterboxed(white, (200, 100)), white)


def test_pictures_of_different_sizes_are_encoded_each() -> None:
    def means(images: np.ndarray) -> np.ndarray:
        return np.asarray(images.mean(axis=(1, 2), keepdims=True), np.float16)

    shapes = {"a": (8, 8, 3), "b": (4, 6, 3), "c": (8, 8, 3)}
    images = {n: np.full(s, i, np.uint8) for i, (n, s) in enumerate(shapes.items())}
    features = encode_each(means, images)
    assert list(features) == ["a", "b", "c"]
    assert [float(features[name].mean()) for name in features] == [0, 1, 2]
