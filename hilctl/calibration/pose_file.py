"""Poses of a robot, taken elsewhere: one of each picture, in a table or as matrices.

How a table may look is told by `pose_text`, what its columns may be by `pose_columns`, and what
needs no names of columns by `pose_matrices`. A column `image` names the pictures; without it the
poses are those of the pictures in the order of the numbers in their names.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from scipy.spatial.transform import RigidTransform

from hilctl.calibration.picture_order import by_number
from hilctl.calibration.pose_columns import QUATERNION, tells_columns, transforms_by_columns
from hilctl.calibration.pose_matrices import transforms_of_matrices
from hilctl.calibration.pose_text import PoseRows, is_number, parse_table
from hilctl.errors import DataError
from hilctl.task.files import os_errors, write_text_atomic

IMAGE = "image"
IMAGE_TOO = ("picture", "file", "filename", "file_path", "img", "photo", "name")


@dataclass(frozen=True)
class PoseTable:
    """What a file tells of a robot's poses.

    Attributes:
        path: of the file.
        names: of the pictures, or None: they are in their order.
        T_base_tcp: (N,).
        readings: in words what else the angles may be → (N,) `T_base_tcp` by that.
    """

    path: Path
    names: tuple[str, ...] | None
    T_base_tcp: RigidTransform
    readings: Mapping[str, RigidTransform]

    def __len__(self) -> int:
        return len(self.T_base_tcp)

    def rows_of(self, pictures: Sequence[str]) -> dict[str, int]:
        """Return which pose belongs to which picture; pictures without one are not there.

        Raises:
            DataError: the poses have no names, and are more or fewer than the pictures.
        """
        if self.names is None:
            if len(self) != len(pictures):
                raise DataError(
                    f"{len(self)} poses without names of pictures, and {len(pictures)} pictures",
                    where=str(self.path),
                    hint=f"add a first column '{IMAGE}' with the picture of each",
                )
            return {name: i for i, name in enumerate(sorted(pictures, key=by_number))}
        # as they are, without folders, without the kind of file
        keys = (str, lambda name: PureWindowsPath(name).name, lambda n: PureWindowsPath(n).stem)
        found: dict[str, int] = {}
        for key in keys:
            rows = _unique([key(name) for name in self.names])
            own = _unique([key(name) for name in pictures])
            for name, picture in own.items():
                if name in rows:
                    found.setdefault(pictures[picture], rows[name])
        return found


def read_poses(path: Path) -> PoseTable:
    """Return the poses of a file.

    Raises:
        DataError: the file is missing, it cannot be known what it means, or a line of it is wrong;
            it says which.
    """
    with os_errors(path):
        content = path.read_bytes()
    table = parse_table(content, path)
    column = _name_column(table)
    names = None if column is None else _names(table, column)
    T = None if tells_columns(table) else transforms_of_matrices(table, column)
    readings: Mapping[str, RigidTransform] = {}
    if T is None:
        T, readings = transforms_by_columns(table)
    return PoseTable(path, names, T, readings)


def write_poses(path: Path, poses: Mapping[str, RigidTransform]) -> None:
    """Write `T_base_tcp` by the name of the picture, as `read_poses` reads it.

    Raises:
        HilctlError: the folder cannot be written.
    """
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow([IMAGE, "x_m", "y_m", "z_m", *QUATERNION])
    for name, T in poses.items():
        numbers = [*T.translation, *T.rotation.as_quat()]
        table.writerow([name, *(repr(float(number)) for number in numbers)])
    write_text_atomic(path, out.getvalue())


def _name_column(table: PoseRows) -> int | None:
    header = [name.strip().lower() for name in table.header]
    for name in (IMAGE, *IMAGE_TOO):
        if name in header:
            return header.index(name)
    if header or not table.rows or is_number(table.rows[0].cells[0]):
        return None
    return 0  # what is no number, before the numbers


def _names(table: PoseRows, column: int) -> tuple[str, ...]:
    names: list[str] = []
    for row in table.rows:
        name = row.cells[column] if column < len(row.cells) else ""
        if name in names:
            raise DataError(f"there is a second pose for {name}", where=row.where)
        names.append(name)
    return tuple(names)


def _unique(names: Sequence[str]) -> dict[str, int]:
    """Return where each name is that is there once."""
    return {name: i for i, name in enumerate(names) if names.count(name) == 1}
