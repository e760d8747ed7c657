"""Turn pydantic's validation errors into words for the person who wrote the file."""

from __future__ import annotations

import difflib
import math
import typing
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hilctl.registry import did_you_mean
from hilctl.task.document import Loc
from hilctl.task.sections import NAME_PATTERN
from hilctl.task.spec import TaskSpec

_EXPECTED = {
    "float": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "string": "text",
    "list": "a list",
    "tuple": "a list",
    "dict": "a mapping (key: value)",
    "model": "a mapping (key: value)",
}
_LIMITS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}


@dataclass(frozen=True)
class SettingError:
    """A wrong value or key: its path, whether the key is to blame, and the words."""

    loc: Loc
    message: str
    hint: str | None = None
    at_key: bool = False


def explain(
    errors: Sequence[Any], model: type[BaseModel], loc: Loc = (), known: Iterable[str] = ()
) -> Iterator[SettingError]:
    """Yield one flaw for every cause behind the errors of one validation.

    Args:
        errors: what `ValidationError.errors()` returns.
        model: the class that was validated.
        loc: path of the validated block in the file.
        known: keys the block may have besides the fields of `model`.
    """
    unknown = [error for error in errors if error["type"] == "extra_forbidden"]
    meant: set[Loc] = set()
    for error in unknown:
        flaw, target = _unknown_key(error["loc"], model, errors, loc, known)
        meant.add(target)
        yield flaw
    short_lists: set[Loc] = set()
    for error in errors:
        where = tuple(error["loc"])
        if error["type"] == "extra_forbidden" or where in meant:
            continue
        if error["type"] == "missing" and isinstance(where[-1], int):
            if where[:-1] not in short_lists:
                short_lists.add(where[:-1])
                yield _short_list(error, where[:-1], model, loc)
            continue
        yield _wrong_value(error, where, model, loc)


def field_at(model: type[BaseModel], loc: Loc) -> FieldInfo | None:
    """Return the field that a path below `model` leads to."""
    current: Any = model
    field = None
    for part in loc:
        inner = _model_in(current)
        if inner is not None and part in inner.model_fields:
            field = inner.model_fields[str(part)]
            current = field.annotation
    return field


def model_at(model: type[BaseModel], loc: Loc) -> type[BaseModel] | None:
    """Return the model whose keys stand at a path below `model`."""
    field = field_at(model, loc)
    return _model_in(field.annotation) if field else model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_model_in(argument) for argument in typing.get_args(annotation))
    return next((model for model in inner if model), None)


def _unknown_key(
    where: Loc, model: type[BaseModel], errors: Sequence[Any], loc: Loc, known: Iterable[str]
) -> tuple[SettingError, Loc]:
    """Return the flaw, and the path of the missing key that was probably meant."""
    parent, key = where[:-1], str(where[-1])
    owner = model_at(model, parent)
    names = {*(owner.model_fields if owner else ()), *(() if parent else known)}
    missing = {
        error["loc"][-1]
        for error in errors
        if error["type"] == "missing" and tuple(error["loc"][:-1]) == parent
    }
    near = difflib.get_close_matches(key, sorted(missing & names), n=1)
    if near:
        hint = f"did you mean {near[0]!r}?"
    elif (home := _home_of(key)) and parent == (home,) and "arms" in model.model_fields:
        hint = f"of several arms {key!r} belongs under 'arms', the arm's name and {home!r}"
    elif home:
        hint = f"{key!r} belongs under {home!r}"
    else:
        hint = did_you_mean(key, sorted(names))
    return SettingError((*loc, *where), "unknown key", hint, at_key=True), (*parent, *near)


def _home_of(key: str) -> str | None:
    if key in TaskSpec.model_fields:
        return None
    for section, field in TaskSpec.model_fields.items():
        inner = _model_in(field.annotation)
        # nobody writes `options`: what they are stands beside the type
        if inner is not None and key in inner.model_fields.keys() - {"options"}:
            return section
    return None


def _short_list(error: Any, where: Loc, model: type[BaseModel], loc: Loc) -> SettingError:
    field = field_at(model, where)
    wanted = _tuple_length(field.annotation) if field else None
    message = f"expected {wanted} values, got {len(error['input'])}"
    return SettingError((*loc, *where), message, _describe(field))


def _tuple_length(annotation: Any) -> int | None:
    if typing.get_origin(annotation) is tuple:
        return len(typing.get_args(annotation))
    inner = (_tuple_length(argument) for argument in typing.get_args(annotation))
    return next((length for length in inner if length), None)


def _wrong_value(error: Any, where: Loc, model: type[BaseModel], loc: Loc) -> SettingError:
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    at_key = bool(where) and where[-1] == "[key]"
    path = (*loc, *(where[:-1] if at_key else where))
    hint = _describe(field_at(model, where))
    base = kind.removesuffix("_type").removesuffix("_parsing")
    if kind == "missing":
        return SettingError(path[:-1], f"missing key {where[-1]!r}", hint)
    if kind == "literal_error":
        message, hint = _not_a_choice(given, context["expected"], hint)
    elif kind in _LIMITS:
        word, name = _LIMITS[kind]
        message = f"expected {word} {context[name]:g}, got {_show(given)}"
        hint = other_unit(str(_last_word(path)), given, context) or hint
    elif kind in ("too_short", "too_long"):
        word, name = (
            ("at least", "min_length") if kind == "too_short" else ("at most", "max_length")
        )
        message = f"expected {word} {context[name]} values, got {len(given)}"
    elif kind == "string_pattern_mismatch":
        if context["pattern"] == NAME_PATTERN:
            message = f"{_show(given)} is not a name"
            hint = "letters, digits, '-' and '_', starting with a letter"
        else:
            message = f"{_show(given)} is not written as it has to be"
    elif kind in ("string_too_short", "string_unicode"):
        message = "expected some text" if kind == "string_too_short" else "this is no text"
        message += f", got {_show(given)}"
    elif base in _EXPECTED or kind == "int_from_float":
        word = _EXPECTED["int" if kind == "int_from_float" else base]
        message = f"expected {word}, got {_show(given)}"
    else:
        message = str(error["msg"]).removeprefix("Value error, ")
    return SettingError(path, message, hint, at_key=at_key)


def _not_a_choice(given: Any, expected: str, hint: str | None) -> tuple[str, str | None]:
    choices = [choice.strip("' ") for choice in expected.replace(" or ", ", ").split(", ")]
    near = difflib.get_close_matches(str(given), choices, n=1)
    return f"expected {expected}, got {_show(given)}", (
        f"did you mean {near[0]!r}?" if near else hint
    )


def other_unit(key: str, given: Any, limits: dict[str, Any]) -> str | None:
    """Return the hint that a number is in another unit, when it fits the limits in that one."""
    units = (("_m", "millimetres", 1e-3), ("_rad", "degrees", math.pi / 180), ("_s", "ms", 1e-3))
    low, high = limits.get("ge", limits.get("gt", 0)), limits.get("le", limits.get("lt"))
    if not isinstance(given, int | float) or high is None or given < 1:
        return None
    for suffix, unit, factor in units:
        converted = float(f"{given * factor:.3g}")
        if key.endswith(suffix) and low <= converted <= high:
            return f"{given:g} looks like {unit}: write {converted:g}"
    return None


def _last_word(path: Loc) -> str:
    return next((part for part in reversed(path) if isinstance(part, str)), "")


def _describe(field: FieldInfo | None) -> str | None:
    return field.description if field else None


def _show(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
