"""Tables of numbers as programs and spreadsheets write them: cells of text, line by line.

Values stand between commas, semicolons, tabs or spaces, with a decimal point or comma; or they are
JSON: a list of poses, or poses by the name of their picture.
"""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hilctl.errors import DataError

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE | re.ASCII)
COMMA_NUMBER = re.compile(r"[-+]?\d*,\d+(e[-+]?\d+)?", re.IGNORECASE | re.ASCII)
NO_TEXT = "save the poses as text: CSV from a spreadsheet, numpy.savetxt(FILE, T.reshape(-1, 16))"


@dataclass(frozen=True)
class PoseRow:
    """One line of a table.

    Attributes:
        where: file and line.
        cells: of text, without spaces around.
    """

    where: str
    cells: list[str]


@dataclass(frozen=True)
class PoseRows:
    """What a file says.

    Attributes:
        path: of the file.
        header: names of the columns; empty when there are none.
        rows: all others.
    """

    path: Path
    header: list[str]
    rows: list[PoseRow]


def parse_table(content: bytes, path: Path) -> PoseRows:
    """Return the cells of a file.

    Raises:
        DataError: it is no text, or damaged JSON.
    """
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))  # spreadsheets' "Unicode text"
    if b"\0" in content and not wide:
        raise DataError("this is no text", where=str(path), hint=NO_TEXT)
    text = content.decode("utf-16" if wide else "utf-8-sig", errors="replace")
    if text.lstrip()[:1] in ("[", "{"):
        return _from_json(text, path)
    lines = [
        (number, line)
        for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1)
        if re.search(r"[^\s,;]", line)
    ]
    delimiter = _delimiter([line for _, line in lines if not line.startswith("#")])
    rows = [PoseRow(f"{path}:{number}", _cells(line, delimiter)) for number, line in lines]
    header, rows = _split_header(rows)
    return PoseRows(path, header, rows if delimiter == "," else _with_points(rows))


def is_number(cell: str) -> bool:
    """Return whether a cell is a finite number."""
    return NUMBER.fullmatch(cell) is not None


def _delimiter(lines: list[str]) -> str | None:
    """Return what stands between values; None = spaces."""
    first = lines[0] if lines else ""
    for delimiter in (";", "\t"):
        if delimiter in first.strip():
            return delimiter
    within_numbers = not re.search(r"(?<!\d),|,(?!\d)", first) and len(first.split()) > 1
    return "," if "," in first and not within_numbers else None


def _cells(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return line.split()
    try:
        cells = next(csv.reader([line], delimiter=delimiter))
    except csv.Error:
        cells = line.split(delimiter)
    return [cell.strip() for cell in cells]


def _split_header(rows: list[PoseRow]) -> tuple[list[str], list[PoseRow]]:
    """Return the names of columns, if the first line has them, and the lines of values."""
    body = [row for row in rows if not row.cells[0].startswith("#")]
    if not body:
        return [], []
    if any(map(_looks_like_a_number, body[0].cells)):
        above = rows[0].cells  # as numpy.savetxt writes it, with a # before it
        told = [cell.lstrip("# ") for cell in above if cell.strip("# ")]
        return (told, body) if rows[0] is not body[0] and _fits(told, body[0]) else ([], body)
    return body[0].cells, body[1:]


def _fits(header: list[str], row: PoseRow) -> bool:
    return len(header) == len(row.cells)


def _looks_like_a_number(cell: str) -> bool:
    return is_number(cell) or COMMA_NUMBER.fullmatch(cell) is not None


def _with_points(rows: list[PoseRow]) -> list[PoseRow]:
    """Return rows with decimal points, where commas cannot be anything else."""
    cells = [cell for row in rows for cell in row.cells]
    if any("." in cell and is_number(cell) for cell in cells):
        return rows  # a comma may be one between thousands
    return [PoseRow(row.where, [_with_point(cell) for cell in row.cells]) for row in rows]


def _with_point(cell: str) -> str:
    return cell.replace(",", ".") if COMMA_NUMBER.fullmatch(cell) else cell


def _from_json(text: str, path: Path) -> PoseRows:
    try:
        content = json.loads(text)
        poses = _named(content) if isinstance(content, dict) else content
        header, cells = _json_cells(poses)
    except (ValueError, RecursionError) as error:
        message = f"this is no list of poses in JSON: {error}"
        hint = "a list of 4×4 matrices, or of objects with the names of the columns"
        raise DataError(message, where=str(path), hint=hint) from None
    where = [f"{path}, pose {number}" for number in range(1, len(cells) + 1)]
    return PoseRows(path, header, [PoseRow(*row) for row in zip(where, cells, strict=True)])


def _named(content: dict[str, Any]) -> list[Any]:
    """Return the poses of {name: pose}, each with its name."""
    return [
        {"image": name, **(pose if isinstance(pose, dict) else {"matrix": pose})}
        for name, pose in content.items()
    ]


def _json_cells(poses: list[Any]) -> tuple[list[str], list[list[str]]]:
    """Return names of columns and cells of poses.

    Raises:
        ValueError: they are not of one kind.
    """
    if not all(isinstance(pose, dict) for pose in poses):
        return [], [_flat(pose) for pose in poses]
    keys = list(poses[0]) if poses else []
    if any(set(pose) != set(keys) for pose in poses):
        raise ValueError("the poses have different keys")
    cells = [[cell for key in keys for cell in _flat(pose[key])] for pose in poses]
    # a matrix takes more than one column
    header = [key for key in keys for _ in _flat(poses[0][key])] if poses else []
    return header, cells


def _flat(value: Any) -> list[str]:
    if isinstance(value, list):
        return [cell for one in value for cell in _flat(one)]
    return [str(value)]
