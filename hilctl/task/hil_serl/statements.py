"""What the statements of a configuration leave its names at; nothing of them is executed.

Assignments, classes and imports are followed in order. What any other statement may have changed
counts as not readable from there on.
"""

from __future__ import annotations

import ast
import copy
from collections import ChainMap
from collections.abc import Iterator, MutableMapping
from typing import Any

import numpy as np

from hilctl.task.hil_serl.expressions import Budget, evaluate
from hilctl.task.hil_serl.values import (
    Assigned,
    ClassBody,
    Imported,
    NotReadableError,
    Unreadable,
    count,
)

MOST_OF_A_FILE = 300_000  # values
FUNCTION = "a function is not read"
_INITIALISERS = ("__init__", "__post_init__")
Scope = MutableMapping[str, Assigned]
Names = ChainMap[str, Assigned]


def follow(module: ast.Module) -> dict[str, Assigned]:
    """Return what the names of a module stand for at its end."""
    names: Names = ChainMap({})
    _follow(module.body, names, Budget(MOST_OF_A_FILE))
    return dict(names.maps[0])


def _follow(body: list[ast.stmt], names: Names, budget: Budget) -> None:
    for statement in body:
        match statement:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    _assign(target, value, names, budget)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                _assign(target, value, names, budget)
            case ast.AugAssign(target=ast.Name() | ast.Subscript()):
                _change(statement, names, budget)
            case ast.ClassDef():
                body_of = _class(statement, names, budget)
                names[statement.name] = Assigned(body_of, statement.lineno)
            case ast.Import() | ast.ImportFrom():
                _import(statement, names)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                names[statement.name] = _lost(statement, FUNCTION)
            case ast.AnnAssign() | ast.Pass() | ast.Expr(value=ast.Constant()):
                continue
            case _:
                _distrust(statement, names)


def _assign(target: ast.expr, expression: ast.expr, names: Names, budget: Budget) -> None:
    try:
        value = evaluate(expression, names, budget)
    except NotReadableError as error:
        value = Unreadable(error.line or expression.lineno, error.why)
    _store(target, value, names, budget)


def _change(statement: ast.AugAssign, names: Names, budget: Budget) -> None:
    """Follow `name += value`, which changes an array or a list in place."""
    before = copy.copy(statement.target)
    before.ctx = ast.Load()
    whole = ast.copy_location(ast.BinOp(before, statement.op, statement.value), statement)
    try:
        held, value = evaluate(before, names, budget), evaluate(whole, names, budget)
        if isinstance(held, list | np.ndarray):
            held[:] = value
        else:
            _store(statement.target, value, names, budget)
    except (NotReadableError, ValueError, TypeError, IndexError):
        _distrust(statement, names)


def _store(target: ast.expr, value: Any, names: Names, budget: Budget) -> None:
    """Give a value to a name, a part of a dict or array, or a setting of a class."""
    try:
        match target:
            case ast.Name(id=name):
                names[name] = Assigned(value, target.lineno)
                return
            case ast.Subscript(value=held, slice=index):
                holder = evaluate(held, names, budget)
                place = evaluate(index, names, budget)
                if isinstance(holder, dict) or not isinstance(value, Unreadable):
                    holder[place] = value
                    count(holder)  # not of itself
                    return
            case ast.Attribute(value=owner, attr=name):
                owned = evaluate(owner, names, budget)
                if isinstance(owned, ClassBody):
                    owned.settings[name] = Assigned(value, target.lineno)
                    return
    except (NotReadableError, ValueError, TypeError, LookupError, RecursionError):
        pass  # it is not known what was changed
    _distrust(target, names)


def _class(node: ast.ClassDef, names: Names, budget: Budget) -> ClassBody:
    bases: list[str] = []
    inherited: dict[str, Assigned] = {}
    for base in reversed(node.bases):
        bases.append(_last_name(base))
        known = names.get(_last_name(base))
        if known is not None and isinstance(known.value, ClassBody):
            inherited |= known.value.settings
    own: dict[str, Assigned] = {}
    _follow(node.body, ChainMap(own, *names.maps), budget)
    for method in node.body:
        if isinstance(method, ast.FunctionDef):
            own |= _set_on_self(method) if method.name in _INITIALISERS else {}
    return ClassBody(node.name, node.lineno, tuple(reversed(bases)), node, inherited | own)


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _set_on_self(method: ast.FunctionDef) -> dict[str, Assigned]:
    """Return the settings that a method gives an object, none of which can be read."""
    return {
        node.attr: _lost(node, f"{method.name} sets it, and nothing is executed")
        for node in ast.walk(method)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and getattr(node.value, "id", "") == "self"
    }


def _import(statement: ast.Import | ast.ImportFrom, names: Names) -> None:
    module = getattr(statement, "module", None)
    for alias in statement.names:
        whole = f"{module}.{alias.name}" if module else alias.name
        local = alias.asname or (alias.name if module else alias.name.partition(".")[0])
        meant = whole if alias.asname or module else local
        if meant.startswith("jax.numpy"):
            meant = meant.removeprefix("jax.")
        names[local] = Assigned(Imported(meant), statement.lineno)


def _distrust(node: ast.AST, names: Names) -> None:
    """Take what a statement may change for unreadable, by whatever name it is known."""
    lost = _lost(node, f"line {getattr(node, 'lineno', 0)} changes it in a way that is not read")
    classes = [held.value for held in names.values() if isinstance(held.value, ClassBody)]
    scopes: list[Scope] = [*names.maps, *(one.settings for one in classes)]
    for name, *attributes in _changed(node):
        known = names.get(name)
        if known is not None and isinstance(known.value, Imported):
            continue
        holder = next((scope for scope in names.maps if name in scope), names.maps[0])
        if known is not None and isinstance(known.value, ClassBody):
            if not attributes:
                continue
            holder, name = known.value.settings, attributes[0]
        shared = holder[name].value if name in holder else None
        for scope in scopes if isinstance(shared, dict | list | np.ndarray) else ():
            scope.update({other: lost for other, held in scope.items() if held.value is shared})
        holder[name] = lost


def _changed(node: ast.AST) -> Iterator[tuple[str, ...]]:
    """Yield the dotted path of all that is stored to, deleted, or handed to something called."""
    for one in ast.walk(node):
        if isinstance(getattr(one, "ctx", None), ast.Store | ast.Del):
            yield from _path(one)
        elif not isinstance(one, ast.Call) or getattr(one.func, "id", "") == "print":
            continue
        elif getattr(one.func, "id", "") == "setattr" and len(one.args) > 1:
            named = getattr(one.args[1], "value", None)
            yield from ((*path, str(named)) for path in _path(one.args[0]))
        else:
            receiver = [one.func.value] if isinstance(one.func, ast.Attribute) else []
            for given in (*receiver, *one.args, *(keyword.value for keyword in one.keywords)):
                yield from _path(given)


def _path(node: ast.AST) -> Iterator[tuple[str, ...]]:
    """Yield the names from which an expression is reached, if there are any."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        if isinstance(node, ast.Attribute):
            attributes.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        yield (node.id, *reversed(attributes))


def _lost(node: ast.AST, why: str) -> Assigned:
    line = getattr(node, "lineno", 0)
    return Assigned(Unreadable(line, why), line)
