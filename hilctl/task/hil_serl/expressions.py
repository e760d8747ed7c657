"""Values of Python expressions, read from their syntax tree: nothing of a file is executed.

Understood is what configurations write numbers with: literals, arithmetic, arrays, names that were
set before, and copies of them. Everything else is refused with its line.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hilctl.task.hil_serl.arithmetic import arithmetic, has_numbers
from hilctl.task.hil_serl.functions import BUILTINS, CONSTANTS, FUNCTIONS, METHODS
from hilctl.task.hil_serl.values import (
    LARGEST_INT,
    MOST_TEXT,
    MOST_VALUES,
    Assigned,
    ClassBody,
    Imported,
    NotReadableError,
    Unreadable,
    count,
    known,
    look_up,
)

MOST_DEPTH = 60
# what arithmetic and the functions raise over values that do not fit
_MISFITS = (ValueError, TypeError, ArithmeticError, LookupError, RecursionError)


class Budget:
    """How many values may still be taken in."""

    def __init__(self, values: int) -> None:
        self._left = values

    def charge(self, line: int, values: int) -> None:
        """Take some of it.

        Raises:
            NotReadableError: there is no more.
        """
        self._left -= values
        if self._left < 0:
            raise NotReadableError(line, "it holds too many values")


def read_expression(text: str, names: Mapping[str, Assigned]) -> Any:
    """Return the value of an expression that a person typed; numpy is `np` there, as ever.

    Raises:
        NotReadableError: it is no Python, or cannot be told without executing it.
    """
    usual = {"np": Assigned(Imported("numpy"), 0), "math": Assigned(Imported("math"), 0)}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes
            node = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise NotReadableError(0, "it is no Python") from None
    return evaluate(node, {**usual, **names})


def evaluate(node: ast.expr, names: Mapping[str, Assigned], of_file: Budget | None = None) -> Any:
    """Return the value of an expression.

    Args:
        node: of the syntax tree.
        names: what names stand for.
        of_file: what all expressions of a file may hold together.

    Returns:
        None, a truth value, number, text, list, tuple, dict, array of floats, `ast.Lambda` or
        `ClassBody`. In a dict, what could not be read is `Unreadable`.

    Raises:
        NotReadableError: it cannot be told without executing it.
    """
    value = _Reader(names, of_file or Budget(MOST_VALUES)).read(node)
    if isinstance(value, Imported):
        raise NotReadableError(node.lineno, f"{value.name} is in another file")
    return value


class _Reader:
    """Reads one expression, whose values are counted."""

    def __init__(self, names: Mapping[str, Assigned], of_file: Budget) -> None:
        self._names = names
        self._budgets = (Budget(MOST_VALUES), of_file)
        self._depth = 0

    def read(self, node: ast.expr) -> Any:
        """Return a node's value.

        Raises:
            NotReadableError: it has none that is understood.
        """
        reader = _READERS.get(type(node))
        if reader is None:
            raise NotReadableError(node.lineno, f"{_name_of(node)} is not read")
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise NotReadableError(node.lineno, "it is nested too deeply")
        try:
            self._charge(node, 1)
            value = reader(self, node)
            return _sized(value, node.lineno)
        except _MISFITS as error:
            raise NotReadableError(node.lineno, f"{error}" or type(error).__name__) from None
        finally:
            self._depth -= 1

    def _charge(self, node: ast.expr, values: int) -> None:
        for budget in self._budgets:
            budget.charge(node.lineno, values)

    def _constant(self, node: ast.Constant) -> Any:
        if isinstance(node.value, bytes | complex):
            raise NotReadableError(node.lineno, f"{type(node.value).__name__} is not read")
        return node.value

    def _name(self, node: ast.Name) -> Any:
        if node.id not in self._names and node.id in BUILTINS:
            return Imported(f"builtins.{node.id}")
        value = look_up(self._names, node.id, node.lineno)
        self._charge(node, count(value))
        return self._constant_of(value)

    def _attribute(self, node: ast.Attribute) -> Any:
        owner = self.read(node.value)
        if isinstance(owner, Imported):
            return self._constant_of(Imported(f"{owner.name}.{node.attr}"))
        if isinstance(owner, ClassBody):
            value = look_up(owner.settings, node.attr, node.lineno, owner.name)
            self._charge(node, count(value))
            return value
        raise NotReadableError(node.lineno, f"'.{node.attr}' is not read")

    def _constant_of(self, value: Any) -> Any:
        return CONSTANTS.get(value.name, value) if isinstance(value, Imported) else value

    def _items(self, nodes: list[ast.expr]) -> list[Any]:
        items: list[Any] = []
        for one in nodes:
            if isinstance(one, ast.Starred):
                items.extend(self.read(one.value))
            else:
                items.append(self.read(one))
        return items

    def _list(self, node: ast.List) -> Any:
        return self._items(node.elts)

    def _tuple(self, node: ast.Tuple) -> Any:
        return tuple(self._items(node.elts))

    def _dict(self, node: ast.Dict) -> Any:
        found: dict[Any, Any] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                found.update(self._mapping(value))
                continue
            try:
                found[self.read(key)] = self.read(value)
            except NotReadableError as error:
                found[self.read(key)] = Unreadable(error.line, error.why)
        return found

    def _mapping(self, node: ast.expr) -> dict[Any, Any]:
        value = self.read(node)
        if not isinstance(value, dict):
            raise NotReadableError(node.lineno, "it is no dict")
        return value

    def _lambda(self, node: ast.Lambda) -> Any:
        return node

    def _unary(self, node: ast.UnaryOp) -> Any:
        value = self.read(node.operand)
        if isinstance(node.op, ast.Not) and isinstance(value, bool):
            return not value
        if isinstance(node.op, ast.USub | ast.UAdd) and has_numbers(value):
            return -value if isinstance(node.op, ast.USub) else +value
        raise NotReadableError(node.lineno, "this sign is not read")

    def _binary(self, node: ast.BinOp) -> Any:
        left, right = self.read(node.left), self.read(node.right)
        if isinstance(left, dict) and isinstance(right, dict) and isinstance(node.op, ast.BitOr):
            return left | right
        if isinstance(node.op, ast.Add):
            for kind in (str, list, tuple):
                if isinstance(left, kind) and isinstance(right, kind):
                    return left + right  # type: ignore[operator]
        return arithmetic(node.op, left, right)

    def _subscript(self, node: ast.Subscript) -> Any:
        value = self.read(node.value)
        if isinstance(value, Imported):
            raise NotReadableError(node.lineno, f"{value.name} is not in this file")
        if not isinstance(value, list | tuple | dict | np.ndarray):
            raise NotReadableError(node.lineno, "it has no parts")
        index = self.read(node.slice)
        if isinstance(value, np.ndarray) and not _is_plain(index):
            raise NotReadableError(node.lineno, "this index is not read")
        part = value[index]
        return float(part) if isinstance(part, np.floating) else known(part)

    def _slice(self, node: ast.Slice) -> Any:
        ends = (node.lower, node.upper, node.step)
        return slice(*(None if end is None else self.read(end) for end in ends))

    def _joined(self, node: ast.JoinedStr) -> Any:
        return "".join(str(self.read(part)) for part in node.values)

    def _formatted(self, node: ast.FormattedValue) -> Any:
        value = self.read(node.value)
        if node.format_spec is not None or not isinstance(value, str | int):
            raise NotReadableError(node.lineno, "this format is not read")
        return str(value)

    def _call(self, node: ast.Call) -> Any:
        function = node.func
        if isinstance(function, ast.Attribute):
            owner = self.read(function.value)
            if not isinstance(owner, Imported):
                return self._method(owner, function.attr, node)
            called: Any = Imported(f"{owner.name}.{function.attr}")
        else:
            called = self.read(function)
        if not isinstance(called, Imported) or called.name not in FUNCTIONS:
            name = called.name if isinstance(called, Imported) else ast.unparse(function)[:60]
            raise NotReadableError(node.lineno, f"{name}() is not read")
        positional = self._items(node.args)
        named: dict[str, Any] = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                named |= self._mapping(keyword.value)
            elif keyword.arg != "dtype":
                named[keyword.arg] = self.read(keyword.value)
        return FUNCTIONS[called.name](*positional, **named)

    def _method(self, owner: Any, name: str, node: ast.Call) -> Any:
        if name not in METHODS or node.args or node.keywords:
            raise NotReadableError(node.lineno, f".{name}() is not read")
        return METHODS[name](owner)


_READERS: dict[type[ast.expr], Callable[[Any, Any], Any]] = {
    ast.Constant: _Reader._constant,
    ast.Name: _Reader._name,
    ast.Attribute: _Reader._attribute,
    ast.List: _Reader._list,
    ast.Tuple: _Reader._tuple,
    ast.Dict: _Reader._dict,
    ast.Lambda: _Reader._lambda,
    ast.UnaryOp: _Reader._unary,
    ast.BinOp: _Reader._binary,
    ast.Subscript: _Reader._subscript,
    ast.Slice: _Reader._slice,
    ast.JoinedStr: _Reader._joined,
    ast.FormattedValue: _Reader._formatted,
    ast.Call: _Reader._call,
}


def _is_plain(index: Any) -> bool:
    """Return whether an index makes nothing larger than what it is taken of."""
    each = index if isinstance(index, tuple) else (index,)
    return all(isinstance(one, int | slice) and not isinstance(one, bool) for one in each)


def _sized(value: Any, line: int) -> Any:
    if isinstance(value, int) and abs(value) > LARGEST_INT:
        raise NotReadableError(line, "the number is too large")
    if isinstance(value, str) and len(value) > MOST_TEXT:
        raise NotReadableError(line, "the text is too long")
    return value


def _name_of(node: ast.expr) -> str:
    """Return what Python's grammar calls an expression, in words."""
    return {
        "IfExp": "a condition",
        "BoolOp": "a condition",
        "Compare": "a comparison",
        "ListComp": "a comprehension",
        "DictComp": "a comprehension",
        "SetComp": "a comprehension",
        "GeneratorExp": "a comprehension",
    }.get(type(node).__name__, f"a {type(node).__name__.lower()}")
