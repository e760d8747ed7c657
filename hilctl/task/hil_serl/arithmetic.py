"""Arithmetic on numbers and arrays, as Python and numpy do it, within limits."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from hilctl.task.hil_serl.functions import to_array
from hilctl.task.hil_serl.values import MOST_ITEMS, count, is_number

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: lambda base, exponent: base ** float(exponent),  # whole ones have no end
}


def arithmetic(sign: ast.operator, left: Any, right: Any) -> Any:
    """Return what an operator makes of two numbers or arrays.

    Raises:
        ValueError, TypeError, ArithmeticError: nothing, or too much.
    """
    apply = _OPERATORS.get(type(sign))
    if apply is None:
        raise TypeError("this operator is not read")
    if isinstance(sign, ast.Mult) and isinstance(left, list | tuple) and isinstance(right, int):
        return _repeated(left, right)
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        left, right = to_array(left), to_array(right)
        if np.prod(np.broadcast_shapes(left.shape, right.shape), dtype=float) > MOST_ITEMS:
            raise ValueError("the array is too large")
    elif not (has_numbers(left) and has_numbers(right)):
        raise TypeError("it is no number")
    with np.errstate(all="ignore"):
        result = apply(left, right)
    if isinstance(result, complex):
        raise ValueError("it is no real number")
    return result


def _repeated(items: Any, times: int) -> Any:
    if count(items) * times > MOST_ITEMS:
        raise ValueError("the list is too long")
    return items * times


def has_numbers(value: Any) -> bool:
    """Return whether a value is a number or an array of them."""
    return isinstance(value, np.ndarray) or is_number(value)
