"""What comes out of the printer is the board, at true scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pypdfium2
import pytest

from hilctl.calibration.boards import parse_board
from hilctl.calibration.boards.sheet import paper_for, write_sheet

DPI = 150
PX_PER_MM = DPI / 25.4


@pytest.mark.parametrize(
    ("text", "paper"),
    [
        ("charuco:7x5:30mm:22mm", "A4"),
        ("chessboard:9x6:25mm", "A4"),
        ("charuco:8x11:33mm:25mm", "A3"),
        ("charuco:5x5:400mm:300mm", "2016 × 2032 mm"),
    ],
)
def test_a_board_goes_on_the_smallest_paper_it_fits_on(text: str, paper: str) -> None:
    assert paper_for(parse_board(text))[0] == paper


@pytest.mark.parametrize("text", ["charuco:7x5:30mm:22mm", "chessboard:9x6:25mm"])
def test_the_sheet_shows_the_board_at_true_scale(tmp_path: Path, text: str) -> None:
    board = parse_board(text)
    assert write_sheet(tmp_path / "board.pdf", board) == "A4"
    document = pypdfium2.PdfDocument(tmp_path / "board.pdf")
    page = document[0]
    assert sorted(np.array(page.get_size()) / 72 * 25.4) == pytest.approx([210, 297], abs=0.1)
    picture = page.render(scale=DPI / 72).to_numpy()[..., :3]
    document.close()
    view = board.detect(np.ascontiguousarray(picture))
    assert view is not None
    assert len(view.ids) == np.prod(board.corners)
    on_paper_mm = view.image_px / PX_PER_MM
    meant_mm = view.object_m[:, :2] * 1e3
    off_mm = (on_paper_mm - on_paper_mm.mean(axis=0)) - (meant_mm - meant_mm.mean(axis=0))
    assert np.abs(off_mm).max() < 0.1
