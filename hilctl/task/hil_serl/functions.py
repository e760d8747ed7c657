"""What configurations call to make numbers: a few functions of Python, math and numpy."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl.task.hil_serl.values import MOST_ITEMS, is_number

Array = NDArray[np.float64]

LONGEST_NUMBER = 40  # characters of one that is written as a text


def to_array(value: Any) -> Array:
    """Return numbers in lists as an array.

    Raises:
        ValueError: it holds something else, or too much, or is ragged.
    """
    if not _all_numbers(value):
        raise ValueError("an array holds something that is no number")
    return _of_size(np.array(value, dtype=float))


def _all_numbers(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_all_numbers(item) for item in value)
    return isinstance(value, np.ndarray | bool) or is_number(value)


def _of_size(array: Array) -> Array:
    if array.size > MOST_ITEMS:
        raise ValueError("the array is too large")
    return array


def _filled(number: float) -> Callable[[Any], Array]:
    def make(shape: Any) -> Array:
        sides = shape if isinstance(shape, list | tuple) else [shape]
        if not all(isinstance(side, int) and 0 <= side <= MOST_ITEMS for side in sides):
            raise ValueError("an array has no such shape")
        if len(sides) > 3 or math.prod(sides) > MOST_ITEMS:
            raise ValueError("the array is too large")
        return np.full(tuple(sides), number)

    return make


def _joined(parts: Any) -> Array:
    return _of_size(np.concatenate([np.atleast_1d(to_array(part)) for part in parts]))


def _real(value: Any) -> float:
    if isinstance(value, str) and len(value) > LONGEST_NUMBER:
        raise ValueError("the number is too long")
    if not (is_number(value) or isinstance(value, str)):
        raise ValueError("it is no number")
    return float(value)


def _whole(value: Any) -> int:
    return int(_real(value))


def _scaled(factor: float) -> Callable[[Any], Any]:
    def scale(value: Any) -> Any:
        return _real(value) * factor if is_number(value) else to_array(value) * factor

    return scale


def _magnitude(value: Any) -> Any:
    return np.abs(value) if isinstance(value, np.ndarray) else abs(_real(value))


def _mapping(*given: Any, **named: Any) -> dict[Any, Any]:
    if len(given) > 1 or not all(isinstance(one, Mapping) for one in given):
        raise ValueError("dict() is read of another dict only")
    return {**(given[0] if given else {}), **named}


def _sequence(kind: type[list[Any]] | type[tuple[Any, ...]]) -> Callable[..., Any]:
    def make(value: Any = ()) -> Any:
        if isinstance(value, np.ndarray):
            value = value.tolist()
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise ValueError("it is no list")
        return kind(value)

    return make


def _as_array(value: Any) -> Array:
    return value if isinstance(value, np.ndarray) else to_array(value)


def _as_lists(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        raise ValueError("it is no array")
    return value.tolist()


CONSTANTS: dict[str, float] = {
    "math.pi": math.pi,
    "math.tau": math.tau,
    "math.e": math.e,
    "math.inf": math.inf,
    "math.nan": math.nan,
    "numpy.pi": math.pi,
    "numpy.e": math.e,
    "numpy.inf": math.inf,
    "numpy.nan": math.nan,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "numpy.array": to_array,
    "numpy.asarray": _as_array,
    "numpy.zeros": _filled(0.0),
    "numpy.ones": _filled(1.0),
    "numpy.concatenate": _joined,
    "numpy.hstack": _joined,
    "numpy.float32": _real,
    "numpy.float64": _real,
    "numpy.deg2rad": _scaled(math.pi / 180),
    "numpy.radians": _scaled(math.pi / 180),
    "math.radians": _scaled(math.pi / 180),
    "numpy.rad2deg": _scaled(180 / math.pi),
    "numpy.degrees": _scaled(180 / math.pi),
    "math.degrees": _scaled(180 / math.pi),
    "numpy.abs": _magnitude,
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
    "builtins.dict": _mapping,
    "builtins.list": _sequence(list),
    "builtins.tuple": _sequence(tuple),
    "builtins.float": _real,
    "builtins.int": _whole,
    "builtins.abs": _magnitude,
}
BUILTINS = frozenset(
    name.removeprefix("builtins.") for name in FUNCTIONS if name.startswith("builtins.")
)
METHODS: dict[str, Callable[[Any], Any]] = {"copy": copy.copy, "tolist": _as_lists}
