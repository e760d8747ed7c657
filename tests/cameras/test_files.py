"""Video files in place of a camera."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from looking import PATIENCE_S, camera_of, fresh
from video_server import RATE_HZ, picture, write_film

from hilctl.devices import Rig


@pytest.fixture
def film(tmp_path: Path) -> Path:
    write_film(tmp_path / "film.mp4", 15)  # half a second
    return tmp_path / "film.mp4"


def test_a_file_is_played_at_its_own_rate_again_and_again(film: Path) -> None:
    with camera_of(film.name, Rig(folder=film.parent)) as camera:
        stamps, firsts = set(), 0
        begin, was_first = time.monotonic(), False
        while firsts < 2 and time.monotonic() - begin < PATIENCE_S:
            frame = fresh(camera, 0.5)
            stamps.add(frame.stamp_ns)
            is_first = bool(np.abs(frame.image.astype(int) - picture(0)).mean() < 1)
            firsts += is_first and not was_first
            was_first = is_first
            time.sleep(0.005)
    assert firsts == 2
    # one stands still for half a second, and a busy computer may be slow
    assert len(stamps) < 1.2 * RATE_HZ * (time.monotonic() - begin) + 2


def test_a_file_that_shows_a_still_picture_is_not_frozen(film: Path) -> None:
    write_film(film, 1)
    with camera_of(str(film), frozen_after_s=0.3) as camera:
        time.sleep(1.0)
        fresh(camera, 0.5)
