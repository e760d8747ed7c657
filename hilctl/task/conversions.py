"""Values of a plug-in's options that would quietly become something else than what was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from hilctl.task.document import Loc
from hilctl.task.explain import SettingError

_KINDS = {bool: "true or false", int: "a number", float: "a number", str: "text"}


def check_conversions(given: Any, became: Any, loc: Loc) -> Iterator[SettingError]:
    """Yield every truth value, number and text that another kind of value was made of.

    Args:
        given: plain data of a task file.
        became: what validation made of them.
        loc: path of the data.
    """
    if isinstance(given, Mapping):
        for key, value in given.items():
            yield from check_conversions(value, _at(became, key), (*loc, key))
    elif isinstance(given, list) and isinstance(became, list | tuple):
        for i, (one, other) in enumerate(zip(given, became, strict=False)):
            yield from check_conversions(one, other, (*loc, i))
    elif type(given) in _KINDS and type(became) in _KINDS:
        wanted, there = _KINDS[type(became)], _KINDS[type(given)]
        if wanted != there:
            shown = repr(given) if isinstance(given, str) else str(given).lower()
            yield SettingError(loc, f"expected {wanted}, got {shown}")


def _at(became: Any, key: Any) -> Any:
    """Return what stands under a key of options, None where nothing does."""
    if isinstance(became, Mapping):
        return became.get(key)
    fields = type(became).model_fields if isinstance(became, BaseModel) else {}
    return getattr(became, str(key)) if key in fields else None
