"""Light is measured, and other light is told from the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilctl.calibration.exposure import Brightness, measure_light, not_taken


def grey(level: int) -> np.ndarray:
    return np.full((40, 60, 3), level, np.uint8)


@given(level=st.integers(0, 255))
def test_an_even_picture_is_as_light_as_its_level(level: int) -> None:
    light = measure_light(grey(level))
    assert light.luminance == pytest.approx(level / 255, abs=0.01)
    assert light.saturated == (1.0 if level >= 250 else 0.0)


def test_clipping_of_one_channel_counts() -> None:
    image = grey(100)
    image[:20, :, 0] = 255
    assert measure_light(image).saturated == 0.5


@pytest.mark.parametrize(
    ("level", "word"), [(3, "dark"), (252, "over-exposed"), (240, "glaring"), (120, None)]
)
def test_light_that_is_bad_to_see_by_is_named(level: int, word: str | None) -> None:
    objection = measure_light(grey(level)).objection
    assert objection is None if word is None else word in str(objection)


@given(st.floats(0.1, 0.9), st.floats(0.7, 1.4))
def test_light_that_varies_as_it_does_by_day_is_not_remarked(level: float, by: float) -> None:
    assert Brightness(level, 0.0).remarks(Brightness(level * by, 0.0)) == []


def test_much_less_and_much_more_light_and_clipping_are_remarked() -> None:
    before = Brightness(0.4, 0.01)
    assert before.remarks(Brightness(0.2, 0.01)) == ["it is darker than it was"]
    assert before.remarks(Brightness(0.8, 0.2)) == [
        "it is brighter than it was",
        "20% of it is over-exposed",
    ]


def test_controls_that_a_camera_did_not_take_are_named() -> None:
    wanted = {"exposure_s": 0.01, "gain": 2.0}
    assert not_taken(wanted, {"exposure_s": 0.0101, "gain": 2.0}) == []
    (told,) = not_taken(wanted, {"exposure_s": 0.02, "gain": 2.0})
    assert told == "its exposure_s is 0.02, 0.01 was asked for"
    assert not_taken(wanted, {"exposure_s": 0.01}) == ["it has no gain"]
