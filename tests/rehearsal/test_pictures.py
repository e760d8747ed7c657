"""Pictures of a live world cost what has changed: each is drawn once, if anything has moved."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import mujoco
import numpy as np
import pytest

from hilctl.calibration.boards import parse_board
from hilctl.rehearsal import pictures
from hilctl.rehearsal.live_world import LiveWorld
from hilctl.rehearsal.pictures import PictureMaker
from hilctl.rehearsal.room import BOARDS
from hilctl.sim.rendering import Image
from hilctl.sim.scenes import PrintedBoard

SIZE = (64, 48)
RATE_HZ = 50.0


class CountingRenderer:
    """Draws nothing, and counts it."""

    drawn = 0
    samples: list[int | None]

    def __init__(self, model: mujoco.MjModel, samples: int | None = None) -> None:
        self.samples.append(samples)

    def render(self, data: mujoco.MjData, camera: str, width: int, height: int) -> Image:
        """Count it."""
        CountingRenderer.drawn += 1
        return np.full((height, width, 3), 90, np.uint8)

    def close(self) -> None:
        """Do nothing."""


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveWorld]:
    monkeypatch.setattr(pictures, "make_renderer", CountingRenderer)
    CountingRenderer.drawn, CountingRenderer.samples = 0, []
    live = LiveWorld("insert")
    yield live
    live.close()


@pytest.fixture
def maker(live: LiveWorld) -> Iterator[PictureMaker]:
    maker = PictureMaker(live, SIZE, RATE_HZ)
    maker.start()
    yield maker
    live.close()
    maker.close()


def some(maker: PictureMaker, count: int = 4) -> list[bytes]:
    with maker.watched("side") as found:
        return list(islice(found, count))


def test_nobody_who_watches_means_nothing_that_is_drawn(maker: PictureMaker) -> None:
    some(maker)
    before = CountingRenderer.drawn
    maker._live.wait(5 / RATE_HZ)
    assert CountingRenderer.drawn == before


def test_what_does_not_move_is_drawn_once_for_all_and_no_two_pictures_are_the_same(
    live: LiveWorld, maker: PictureMaker
) -> None:
    with maker.watched("side") as found, maker.watched("side") as others:
        mine, theirs = (list(islice(one, 4)) for one in (found, others))
    assert CountingRenderer.drawn == 1
    assert len({*mine, *theirs}) >= 4


@pytest.mark.parametrize("what", ["the arm", "the grasp"])
def test_what_has_moved_is_drawn_again(live: LiveWorld, maker: PictureMaker, what: str) -> None:
    some(maker)
    before = CountingRenderer.drawn
    if what == "the grasp":
        live.put_back()
    else:
        with live.held() as world:
            away: Any = world.tcp_pose() + np.array([0.01, 0, 0, 0, 0, 0, 0])
            world.set_target(away)
            world.advance_to(world.time_ns + 100_000_000)
    some(maker)
    assert CountingRenderer.drawn > before


def test_edges_are_smooth_where_corners_are_measured(live: LiveWorld, maker: PictureMaker) -> None:
    some(maker)
    board = parse_board(BOARDS["table"])
    live.show(PrintedBoard(board.picture(20), board.size_m, "table"))
    some(maker)
    live.show(None)
    some(maker)
    assert CountingRenderer.samples == [0, None, 0]
