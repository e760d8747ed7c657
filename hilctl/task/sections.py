"""Sections of a task file that may be wrong, read one by one."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)


def section_of(model: type[M], data: Any) -> M | None:
    """Return a section from its plain data, None where it is wrong: that is told elsewhere."""
    try:
        return model.model_validate(data)
    except ValidationError:
        return None
