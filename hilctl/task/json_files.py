"""Small JSON files with a typed layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from hilctl.errors import DamagedDataError
from hilctl.task.files import explain_os_error
from hilctl.task.regular_files import read_regular

M = TypeVar("M", bound=BaseModel)


def parse_json(content: bytes | str) -> Any:
    """Return what a JSON text says.

    Raises:
        ValueError: it is not JSON, nested deeper than 200 levels, or has numbers of 4300 digits.
    """
    return from_json(content)


def read_json(model: type[M], file: Path, *, hint: str) -> M | None:
    """Return the content of a file, or None when there is none.

    Args:
        model: its layout.
        file: to read.
        hint: what to do when it is damaged.

    Raises:
        DamagedDataError: cut off, altered, or of another layout.
        HilctlError: it cannot be read.
    """
    try:
        return model.model_validate_json(read_regular(file))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise explain_os_error(error, file) from error
    except ValidationError as error:
        message = f"{file.name} is damaged: {first_flaw(error)}"
        raise DamagedDataError(message, where=str(file), hint=hint) from None


def first_flaw(error: ValidationError) -> str:
    """Return the first thing that is wrong with a layout, and where in it."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place + ': ' if place else ''}{first['msg']}"
