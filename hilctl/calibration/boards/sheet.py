"""Boards to print: PDF at true scale, with a ruler to check the printer."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

from hilctl.calibration.boards.base import Board
from hilctl.patches import patches
from hilctl.task.files import write_bytes_atomic

PAGES_MM = {"A4": (210, 297), "A3": (297, 420), "A2": (420, 594), "A1": (594, 841)}
MARGIN_MM = 8.0
RULER_MM = 100
FOOT_MM = 16.0  # for the ruler and the words
SQUARE_PX = 120  # markers end on 1/120 of a square
MM_PER_INCH = 25.4


def write_sheet(path: Path, board: Board) -> str:
    """Write a board as a PDF to print without scaling; return the size of the paper.

    Raises:
        HilctlError: the folder cannot be written.
    """
    name, (width_mm, height_mm) = paper_for(board)
    figure = Figure(figsize=(width_mm / MM_PER_INCH, height_mm / MM_PER_INCH))
    FigureCanvasPdf(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width_mm), ylim=(height_mm, 0))
    axes.axis("off")
    _draw_board(axes, board, width_mm, height_mm)
    _draw_ruler(axes, height_mm - MARGIN_MM)
    axes.text(
        MARGIN_MM + RULER_MM + 6,
        height_mm - MARGIN_MM,
        f"{board}\nprint at 100 %, check the ruler, glue to something flat and stiff",
        fontsize=7,
        va="bottom",
    )
    content = io.BytesIO()
    figure.savefig(content, format="pdf", metadata={"CreationDate": None})
    write_bytes_atomic(path, content.getvalue())
    return name


def paper_for(board: Board) -> tuple[str, tuple[float, float]]:
    """Return name and width and height in mm of the smallest paper a board fits on."""
    width_mm, height_mm = (1e3 * side + 2 * MARGIN_MM for side in board.size_m)
    height_mm += FOOT_MM
    for name, (short, long) in PAGES_MM.items():
        for page in ((short, long), (long, short)):
            if width_mm <= page[0] and height_mm <= page[1]:
                return name, page
    width_mm = max(width_mm, 2 * RULER_MM)
    return f"{width_mm:.0f} × {height_mm:.0f} mm", (width_mm, height_mm)


def _draw_board(axes: Axes, board: Board, width_mm: float, height_mm: float) -> None:
    pattern = board.picture(SQUARE_PX)
    scale = 1e3 * board.square_m / SQUARE_PX
    size = np.array(board.size_m) * 1e3
    origin = (np.array([width_mm, height_mm - FOOT_MM]) - size) / 2
    outlines = []
    for low, high in patches(pattern < 128):
        (x0, y0), (x1, y1) = origin + scale * low, origin + scale * high
        outlines.append(Outline([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)], closed=True))
    # one shape: rectangles side by side would show a hairline between them
    ink = Outline.make_compound_path(*outlines)
    axes.add_patch(PathPatch(ink, facecolor="black", edgecolor="none", linewidth=0))


def _draw_ruler(axes: Axes, y_mm: float) -> None:
    for mm in range(RULER_MM + 1):
        tall = 5.0 if mm % 10 == 0 else 3.5 if mm % 5 == 0 else 2.0
        axes.plot([MARGIN_MM + mm] * 2, [y_mm, y_mm - tall], color="black", linewidth=0.3)
    axes.plot([MARGIN_MM, MARGIN_MM + RULER_MM], [y_mm, y_mm], color="black", linewidth=0.3)
    for mm in range(0, RULER_MM + 1, 20):
        axes.text(MARGIN_MM + mm, y_mm - 6, f"{mm}", fontsize=6, ha="center")
    axes.text(MARGIN_MM + RULER_MM, y_mm - 9, "mm", fontsize=6, ha="center")
