"""The file of a HIL-SERL rig: which class is an arm's, which the training's."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

from hilctl.errors import DataError, UsageError
from hilctl.task.files import explain_os_error, is_computers
from hilctl.task.hil_serl.statements import follow
from hilctl.task.hil_serl.values import Assigned, ClassBody
from hilctl.task.regular_files import read_regular

NEWLINE = b"\n"
MOST_BYTES = 256 * 1024
MOST_STATEMENTS = 5000
SHAPE = (
    "hilctl reads the file of an experiment of HIL-SERL, examples/experiments/.../config.py: "
    "one class EnvConfig(DefaultEnvConfig) for each arm, and TrainConfig(DefaultTrainingConfig)"
)
_ENVIRONMENT = re.compile(r"\w*EnvConfig")
_TRAINING = re.compile(r"Train(ing)?Config|DefaultTrainingConfig")
_SIDES = ("left", "right")


@dataclass(frozen=True)
class ConfigFile:
    """What a file says.

    Attributes:
        shown: how messages name the file.
        folder: name of the folder that it lies in.
        arms: the class of each; the only one is called "".
        training: class of the training; None = there is none.
        names: of the whole file.
        calls: last names of all that the training's class calls.
        rate_hz: of the policy, if the training's class says so.
    """

    shown: str
    folder: str
    arms: dict[str, ClassBody]
    training: ClassBody | None
    names: dict[str, Assigned]
    calls: frozenset[str]
    rate_hz: float | None


def read_config(path: Path) -> ConfigFile:
    """Return what the file of a rig says; nothing of it is executed.

    Raises:
        HilctlError: it cannot be read, is no Python, or has no such classes.
    """
    shown = _plain(str(path))
    names = follow(_parse(_text(path, shown), shown))
    classes = {one.value.name: one.value for one in names.values() if _is_class(one)}
    training = _training(classes, shown)
    arms = _arms(classes, training, shown)
    calls = _calls(training)
    rate_hz = next((_rate_hz(call) for call in calls if _rate_hz(call)), None)
    called = frozenset(_last_name(call.func) for call in calls)
    folder = _plain(path.absolute().parent.name)
    return ConfigFile(shown, folder, arms, training, names, called, rate_hz)


def _plain(path: str) -> str:
    """Return a path as text that can be written, whatever bytes it has."""
    return path.encode("utf-8", "replace").decode("utf-8")


def _is_class(one: Assigned) -> bool:
    return isinstance(one.value, ClassBody)


def _text(path: Path, shown: str) -> str:
    try:
        raw = read_regular(path, MOST_BYTES)
    except (OSError, ValueError) as error:  # a path with a zero byte
        if is_computers(error):
            raise explain_os_error(error, path) from None
        told = getattr(error, "strerror", None)
        why = told.lower() if told else str(error)
        raise DataError(f"cannot read {shown}: {why}", where=shown, hint=SHAPE) from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = f"{shown}:{raw.count(NEWLINE, 0, error.start) + 1}"
        hint = "save the file as UTF-8"
        raise DataError(f"{where}: not UTF-8 text", where=where, hint=hint) from None


def _parse(text: str, shown: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes, which are another's affair
            tree = ast.parse(text)
    except SyntaxError as error:
        where = f"{shown}:{error.lineno}" if error.lineno else shown
        message = f"{where}: not Python: {error.msg}"
        raise DataError(message, where=where, hint=SHAPE) from None
    except (ValueError, RecursionError, MemoryError) as error:
        why = str(error) if isinstance(error, ValueError) else "nested too deeply"
        raise DataError(f"{shown}: not Python: {why}", where=shown, hint=SHAPE) from None
    _check_length(tree, shown)
    return tree


def _check_length(tree: ast.Module, shown: str) -> None:
    statements = sum(isinstance(node, ast.stmt) for node in ast.walk(tree))
    if statements > MOST_STATEMENTS:
        message = f"{shown} has {statements} statements: is it the file of an experiment?"
        raise DataError(message, where=shown, hint=SHAPE)


def _training(classes: dict[str, ClassBody], shown: str) -> ClassBody | None:
    found = [
        one
        for one in classes.values()
        if _TRAINING.fullmatch(one.name) or any(map(_TRAINING.fullmatch, one.bases))
    ]
    leaves = _leaves(found)
    if len(leaves) > 1:
        raise UsageError(
            f"{shown} has several classes for the training: {_listed(leaves)}",
            where=f"{shown}:{leaves[1].line}",
            hint="leave one of them in a copy of the file",
        )
    return leaves[0] if leaves else None


def _arms(
    classes: dict[str, ClassBody], training: ClassBody | None, shown: str
) -> dict[str, ClassBody]:
    found = [
        one
        for one in classes.values()
        if _ENVIRONMENT.fullmatch(one.name) or any(map(_ENVIRONMENT.fullmatch, one.bases))
    ]
    used = (
        {node.id for node in ast.walk(training.node) if isinstance(node, ast.Name)}
        if (training)
        else set()
    )
    arms = [one for one in found if one.name in used] or _leaves(found)
    if not arms:
        message = f"{shown} has no class EnvConfig(DefaultEnvConfig)"
        raise DataError(message, where=shown, hint=SHAPE)
    if len(arms) == 1:
        return {"": arms[0]}
    sides = {side: one for side in _SIDES for one in arms if one.name.lower().startswith(side)}
    if len(arms) == len(sides) == len(_SIDES):
        return sides
    raise UsageError(
        f"{shown} has several classes of arms: {_listed(arms)}",
        where=f"{shown}:{arms[1].line}",
        hint="one arm has one class; the classes of two arms begin with Left and Right: "
        "leave those in a copy of the file",
    )


def _leaves(classes: list[ClassBody]) -> list[ClassBody]:
    """Return those that no other is derived from."""
    bases = {base for one in classes for base in one.bases}
    return [one for one in classes if one.name not in bases]


def _listed(classes: list[ClassBody]) -> str:
    return ", ".join(f"{one.name} (line {one.line})" for one in classes)


def _calls(training: ClassBody | None) -> list[ast.Call]:
    nodes = ast.walk(training.node) if training else ()
    return [node for node in nodes if isinstance(node, ast.Call)]


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _rate_hz(call: ast.Call) -> float | None:
    for keyword in call.keywords:
        value = getattr(keyword.value, "value", None)
        if keyword.arg == "hz" and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None
