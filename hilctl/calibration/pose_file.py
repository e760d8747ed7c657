"""Poses of a robot taken elsewhere, as a table: one line a picture.

The header tells what the columns are and their units: `image`, then `x_m, y_m, z_m` or
`x_mm, y_mm, z_mm`, then `qx, qy, qz, qw`, a rotation vector `rx_rad, ry_rad, rz_rad` or `_deg`, or
`roll_rad, pitch_rad, yaw_rad` or `_deg` about the fixed axes x, y, z.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from hilctl.errors import DataError
from hilctl.task.files import os_errors, write_text_atomic

Array = NDArray[np.float64]

IMAGE = "image"
QUATERNION = ("qx", "qy", "qz", "qw")
PLACES: Mapping[tuple[str, ...], float] = {
    ("x_m", "y_m", "z_m"): 1.0,
    ("x_mm", "y_mm", "z_mm"): 1e-3,
}
TURNS: Mapping[tuple[str, ...], Callable[[Array], Rotation]] = {
    QUATERNION: lambda rows: Rotation.from_quat(rows),
    ("rx_rad", "ry_rad", "rz_rad"): lambda rows: Rotation.from_rotvec(rows),
    ("rx_deg", "ry_deg", "rz_deg"): lambda rows: Rotation.from_rotvec(np.radians(rows)),
    ("roll_rad", "pitch_rad", "yaw_rad"): lambda rows: Rotation.from_euler("xyz", rows),
    ("roll_deg", "pitch_deg", "yaw_deg"): lambda rows: Rotation.from_euler("xyz", np.radians(rows)),
}
HINT = "first line: image,x_m,y_m,z_m,qx,qy,qz,qw (or x_mm …; or rx_rad …, roll_deg …)"


def read_poses(path: Path) -> dict[str, RigidTransform]:
    """Return `T_base_tcp` by the name of the picture.

    Raises:
        DataError: the file is missing, or a line of it is wrong; it says which.
    """
    with os_errors(path):
        text = path.read_text("utf-8", errors="replace")
    table = csv.reader(io.StringIO(text.lstrip("\ufeff")))
    header = [name.strip() for name in next(table, [])]
    places = _columns(header, PLACES, path)
    turns = _columns(header, TURNS, path)
    if IMAGE not in header:
        raise DataError(f"no column is called '{IMAGE}'", where=f"{path}:1", hint=HINT)
    poses: dict[str, RigidTransform] = {}
    for line, row in enumerate(table, start=2):
        if not any(cell.strip() for cell in row):
            continue
        where = f"{path}:{line}"
        if len(row) != len(header):
            raise DataError(f"{len(row)} values, the header has {len(header)}", where=where)
        cells = dict(zip(header, (cell.strip() for cell in row), strict=True))
        name = cells[IMAGE]
        if name in poses:
            raise DataError(f"there is a second pose for {name}", where=where)
        place_m = PLACES[places] * _numbers(cells, places, where)
        poses[name] = RigidTransform.from_components(
            place_m, _turn(turns, _numbers(cells, turns, where), where)
        )
    return poses


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


def _columns(
    header: list[str], known: Mapping[tuple[str, ...], object], path: Path
) -> tuple[str, ...]:
    for names in known:
        if set(names) <= set(header):
            return names
    wanted = " or ".join(", ".join(names) for names in known)
    raise DataError(f"the columns {wanted} are not there", where=f"{path}:1", hint=HINT)


def _numbers(cells: Mapping[str, str], names: tuple[str, ...], where: str) -> Array:
    values = []
    for name in names:
        try:
            value = float(cells[name])
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise DataError(f"{name} is '{cells[name]}', which is no number", where=where)
        values.append(value)
    return np.array(values)


def _turn(names: tuple[str, ...], numbers: Array, where: str) -> Rotation:
    if names == QUATERNION and abs(np.linalg.norm(numbers) - 1) > 1e-2:
        length = np.linalg.norm(numbers)
        raise DataError(
            f"the quaternion has length {length:.3g}, not 1",
            where=where,
            hint="qx, qy, qz, qw in this order, of length 1",
        )
    return TURNS[names](numbers)
