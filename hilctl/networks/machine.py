"""Interpret a pickle, which is a program, knowing only containers, numbers and named builders."""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

Builder = Callable[..., Any]


class RefusedError(Exception):
    """The program asks for something that weights do not need."""


class Machine:
    """Interpret one pickle with a closed list of names.

    Args:
        names: "module name" → what stands for it; any other name is refused.
        persistent: what a persistent reference becomes.
    """

    def __init__(self, names: Mapping[str, Any], persistent: Builder | None = None) -> None:
        self._names = names
        self._persistent = persistent
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def run(self, stream: BinaryIO) -> Any:
        """Return the object that the next pickle of `stream` describes."""
        for opcode, argument, _ in pickletools.genops(stream):
            if opcode.name == "STOP":
                break
            if opcode.name in _LITERALS:
                self._stack.append(argument)
            elif opcode.name in _EMPTY:
                self._stack.append(_EMPTY[opcode.name]())
            elif opcode.name in _STEPS:
                _STEPS[opcode.name](self, argument)
            else:
                raise RefusedError(f"the instruction {opcode.name}")
        return self._stack.pop()

    def _pop(self, count: int | None) -> list[Any]:
        """Take `count` items from the stack, or all since the last mark."""
        start = self._marks.pop() if count is None else len(self._stack) - count
        items = self._stack[start:]
        del self._stack[start:]
        return items

    def _mark(self, _: Any) -> None:
        self._marks.append(len(self._stack))

    def _put(self, index: int | None) -> None:
        self._memo[len(self._memo) if index is None else index] = self._stack[-1]

    def _get(self, index: int) -> None:
        self._stack.append(self._memo[index])

    def _tuple(self, count: int | None) -> None:
        self._stack.append(tuple(self._pop(count)))

    def _set(self, count: int | None) -> None:
        items = self._pop(count)
        self._top(dict).update(zip(items[::2], items[1::2], strict=True))

    def _append(self, count: int | None) -> None:
        items = self._pop(count)
        self._top(list).extend(items)

    def _top(self, kind: type) -> Any:
        if type(self._stack[-1]) is not kind:
            raise RefusedError(f"items put into {type(self._stack[-1]).__name__}")
        return self._stack[-1]

    def _name(self, name: str | None) -> None:
        name = name or " ".join(self._pop(2))
        if name not in self._names:
            raise RefusedError(f"the name {name.replace(' ', '.')!r}")
        self._stack.append(self._names[name])

    def _call(self, _: Any) -> None:
        function, arguments = self._pop(2)
        if function not in self._names.values():
            raise RefusedError("a call of something without a name")
        self._stack.append(function(*arguments))

    def _build(self, _: Any) -> None:
        (state,) = self._pop(1)
        if not isinstance(self._stack[-1], dict):  # a dict's state is torch's version metadata
            self._stack[-1].build(state)

    def _refer(self, _: Any) -> None:
        if self._persistent is None:
            raise RefusedError("a reference to something outside of it")
        self._stack.append(self._persistent(*self._pop(1)))


_EMPTY: dict[str, Builder] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
}
_NUMBERS = ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT")
_TEXTS = ("BINUNICODE", "SHORT_BINUNICODE")
_BYTES = ("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8")
_LITERALS = frozenset(_NUMBERS + _TEXTS + _BYTES)
_STEPS: dict[str, Callable[[Machine, Any], None]] = {
    "PROTO": lambda machine, _: None,
    "FRAME": lambda machine, _: None,
    "MARK": Machine._mark,
    "BINPUT": Machine._put,
    "LONG_BINPUT": Machine._put,
    "MEMOIZE": Machine._put,
    "BINGET": Machine._get,
    "LONG_BINGET": Machine._get,
    "TUPLE": lambda machine, _: machine._tuple(None),
    "TUPLE1": lambda machine, _: machine._tuple(1),
    "TUPLE2": lambda machine, _: machine._tuple(2),
    "TUPLE3": lambda machine, _: machine._tuple(3),
    "SETITEM": lambda machine, _: machine._set(2),
    "SETITEMS": lambda machine, _: machine._set(None),
    "APPEND": lambda machine, _: machine._append(1),
    "APPENDS": lambda machine, _: machine._append(None),
    "GLOBAL": Machine._name,
    "STACK_GLOBAL": Machine._name,
    "REDUCE": Machine._call,
    "BUILD": Machine._build,
    "BINPERSID": Machine._refer,
}
