"""Crops are understood, and a crop that cuts what moves is noticed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilctl.calibration.roi import cut_motion, motion_map, parse_box
from hilctl.errors import UsageError


@given(x=st.integers(0, 300), y=st.integers(0, 200), w=st.integers(16, 300), h=st.integers(16, 200))
def test_a_crop_within_the_frame_is_read_as_written(x: int, y: int, w: int, h: int) -> None:
    assert parse_box(f" {x}, {y},{w} ,{h}", (640, 480)) == (x, y, w, h)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("100,40,300", "is no crop"),
        ("a,b,c,d", "is no crop"),
        ("-1,0,100,100", "is no crop"),
        ("0,0,8,100", "too small"),
        ("500,0,200,200", "does not lie within the frame of 640×480"),
        ("0,300,200,200", "does not lie within the frame"),
    ],
)
def test_a_crop_that_cannot_be_is_refused(text: str, part: str) -> None:
    with pytest.raises(UsageError, match=part):
        parse_box(text, (640, 480))


def moving_dot(steps: int) -> list[np.ndarray]:
    """Return frames in which a bright square walks from x 20 to x 20 + steps, with noise."""
    rng = np.random.default_rng(0)
    frames = []
    for step in range(steps):
        frame = rng.normal(100, 2, (60, 100, 3))
        frame[20:30, 20 + step : 30 + step] = 220
        frames.append(frame.clip(0, 255).astype(np.uint8))
    return frames


def test_motion_is_where_things_move_and_noise_is_not() -> None:
    motion = motion_map([moving_dot(40), moving_dot(40)])
    assert motion is not None
    assert motion.shape == (60, 100)
    assert motion[20:30, 20:70].max() > 0.04
    assert motion[40:].max() == 0
    assert motion_map([]) is None
    assert motion_map([moving_dot(1)]) is None


def test_a_crop_that_cuts_what_moves_is_told_by_how_much() -> None:
    motion = motion_map([moving_dot(40)])
    assert motion is not None
    assert cut_motion(motion, (10, 10, 80, 40)) == pytest.approx(0.0, abs=0.01)
    assert cut_motion(motion, (45, 10, 50, 40)) == pytest.approx(0.5, abs=0.15)
    assert cut_motion(motion, (0, 40, 100, 20)) == pytest.approx(1.0)
    assert cut_motion(np.zeros((60, 100)), (0, 0, 20, 20)) == 0.0
