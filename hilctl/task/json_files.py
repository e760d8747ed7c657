"""Small JSON files with a typed layout."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from hilctl.errors import DataError
from hilctl.task.files import explain_os_error

M = TypeVar("M", bound=BaseModel)


def read_json(model: type[M], file: Path, *, hint: str) -> M | None:
    """Return the content of a file, or None when there is none.

    Args:
        model: its layout.
        file: to read.
        hint: what to do when it is damaged.

    Raises:
        DataError: damaged, or of another layout.
    """
    try:
        return model.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise explain_os_error(error, file) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        message = f"{file.name} is damaged: {place + ': ' if place else ''}{first['msg']}"
        raise DataError(message, where=str(file), hint=hint) from None
