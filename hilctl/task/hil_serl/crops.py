"""Crops that are written as functions of a picture: `lambda img: img[y0:y1, x0:x1]`."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hilctl.task.hil_serl.expressions import evaluate
from hilctl.task.hil_serl.values import Assigned, NotReadableError

CHANNELS = 3
ANY_SIZES = ((8192, 8192), (8000, 8000))  # a crop that is the same in both is so in any
Spans = tuple[range, range, range]  # rows, columns and channels of the raw frame


@dataclass(frozen=True)
class Crop:
    """What a function leaves of a raw frame.

    Attributes:
        box: x, y, width, height in px.
        is_turned: whether rows, columns or channels are in another order than in the raw frame.
    """

    box: tuple[int, int, int, int]
    is_turned: bool


def read_crop(
    function: ast.Lambda, size: tuple[int, int] | None, names: Mapping[str, Assigned]
) -> Crop:
    """Return what a function of one picture leaves of it.

    Args:
        function: slices of its argument, one after the other.
        size: width and height in px of the raw frame; None = it is not known.
        names: what names in it stand for.

    Raises:
        NotReadableError: it does something else, or leaves nothing.
    """
    arguments = function.args
    if len(arguments.args) != 1 or arguments.vararg or arguments.kwarg or arguments.kwonlyargs:
        raise NotReadableError(function.lineno, "it has more than one argument")
    crops = {_of_frame(function, one, names) for one in ([size] if size else ANY_SIZES)}
    if len(crops) > 1:
        raise NotReadableError(function.lineno, "the size of the raw frame is not in this file")
    return crops.pop()


def _of_frame(function: ast.Lambda, size: tuple[int, int], names: Mapping[str, Assigned]) -> Crop:
    whole = (range(size[1]), range(size[0]), range(CHANNELS))
    spans = _left_by(function.body, function.args.args[0].arg, whole, names)
    rows, columns, _ = spans
    if not all(len(span) and abs(span.step) == 1 for span in (rows, columns)):
        raise NotReadableError(function.lineno, f"nothing, or not every pixel, is left of {size}")
    box = (min(columns), min(rows), len(columns), len(rows))
    return Crop(box, any(span.step < 0 for span in spans))


def _left_by(node: ast.expr, picture: str, whole: Spans, names: Mapping[str, Assigned]) -> Spans:
    slices: list[ast.expr] = []
    while isinstance(node, ast.Subscript):
        slices.append(node.slice)
        node = node.value
    if not isinstance(node, ast.Name) or node.id != picture:
        raise NotReadableError(node.lineno, "it is more than slices of its picture")
    spans = list(whole)
    for one in reversed(slices):
        for axis, part in enumerate(_parts(one, names)):
            spans[axis] = spans[axis][part]
    return spans[0], spans[1], spans[2]


def _parts(node: ast.expr, names: Mapping[str, Assigned]) -> list[slice]:
    """Return the slice of each axis."""
    index = evaluate(node, names)
    parts: list[Any] = list(index) if isinstance(index, tuple) else [index]
    if parts.count(...) == 1:
        at, missing = parts.index(...), CHANNELS + 1 - len(parts)
        parts[at : at + 1] = [slice(None)] * missing
    if len(parts) > CHANNELS or not all(map(_is_slice, parts)):
        raise NotReadableError(node.lineno, "it is no slice of rows and columns")
    return parts


def _is_slice(part: Any) -> bool:
    ends = (part.start, part.stop, part.step) if isinstance(part, slice) else (part,)
    return (
        isinstance(part, slice)
        and part.step != 0
        and all(end is None or (isinstance(end, int) and not isinstance(end, bool)) for end in ends)
    )
