"""What numbers mean as poses, by the names of their columns.

Columns are `x_m, y_m, z_m` or `x_mm, y_mm, z_mm`, then `qx, qy, qz, qw`, a rotation vector
`rx_rad, ry_rad, rz_rad` or `_deg`, or `roll_rad, pitch_rad, yaw_rad` or `_deg` about the fixed axes
x, y, z.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform, Rotation

from hilctl.calibration.pose_text import PoseRows, is_number
from hilctl.errors import DataError

Array = NDArray[np.float64]
Reader = Callable[[Array], Rotation]
Unclear = Mapping[tuple[str, ...], tuple[str, str]]

QUATERNION = ("qx", "qy", "qz", "qw")
PLACES: Mapping[tuple[str, ...], float] = {
    ("x_m", "y_m", "z_m"): 1.0,
    ("x_mm", "y_mm", "z_mm"): 1e-3,
}
TURNS: Mapping[tuple[str, ...], Reader] = {
    QUATERNION: lambda rows: Rotation.from_quat(rows),
    ("rx_rad", "ry_rad", "rz_rad"): lambda rows: Rotation.from_rotvec(rows),
    ("rx_deg", "ry_deg", "rz_deg"): lambda rows: Rotation.from_rotvec(rows, degrees=True),
    ("roll_rad", "pitch_rad", "yaw_rad"): lambda rows: Rotation.from_euler("xyz", rows),
    ("roll_deg", "pitch_deg", "yaw_deg"): lambda rows: Rotation.from_euler("xyz", rows, True),
}
LENGTHS = "call them x_m, y_m, z_m or x_mm, y_mm, z_mm"
ORDERED = "call them qw, qx, qy, qz as they are"
# names that people use, what they leave open, and what to do
UNCLEAR_PLACES: Unclear = {
    ("x", "y", "z"): ("no unit", LENGTHS),
    ("tx", "ty", "tz"): ("no unit", LENGTHS),
}
UNCLEAR_TURNS: Unclear = {
    ("rx", "ry", "rz"): (
        "no unit",
        "call them rx_rad, ry_rad, rz_rad or rx_deg … if they are a rotation vector; "
        "roll_rad, pitch_rad, yaw_rad or roll_deg … if they are angles about the fixed axes",
    ),
    ("roll", "pitch", "yaw"): ("no unit", "call them roll_rad … or roll_deg …"),
    ("a", "b", "c"): ("no unit", "call them yaw_deg, pitch_deg, roll_deg (KUKA's A, B, C)"),
    ("w", "p", "r"): ("no unit", "call them roll_deg, pitch_deg, yaw_deg (Fanuc's W, P, R)"),
    ("q0", "q1", "q2", "q3"): ("no order", ORDERED),
    ("q1", "q2", "q3", "q4"): ("no order", ORDERED),
}
HINT = (
    "first line: image,x_m,y_m,z_m,qx,qy,qz,qw (or x_mm …; or rx_rad …, roll_deg …); "
    "or 4×4 matrices in metres, 16 numbers a line"
)
UNIT = 1e-2  # lengths of quaternions differ from 1 by as much when they are rounded
FIXED = ["".join(axes) for axes in itertools.product("xyz", repeat=3) if axes[1] not in axes[::2]]


def tells_columns(table: PoseRows) -> bool:
    """Return whether the header names any columns that are known."""
    header = _plain_header(table)
    return _known(header, PLACES) is not None or _known(header, TURNS) is not None


def transforms_by_columns(
    table: PoseRows,
) -> tuple[RigidTransform, dict[str, RigidTransform]]:
    """Return (N,) `T_base_tcp`, and in words what else they are if the angles mean that.

    Raises:
        DataError: the header does not tell what the numbers mean, or a line is wrong.
    """
    header = _plain_header(table)
    places = _columns(table, header, PLACES, UNCLEAR_PLACES)
    turns = _columns(table, header, TURNS, UNCLEAR_TURNS)
    if not table.rows:
        raise DataError("there is no pose in it", where=str(table.path), hint=HINT)
    for row in table.rows:
        if len(row.cells) != len(header):
            raise DataError(
                f"{len(row.cells)} values, the header has {len(header)}",
                where=row.where,
                hint="between numbers with decimal commas there have to be semicolons",
            )
    places_m = PLACES[places] * _numbers(table, header, places)
    numbers = _numbers(table, header, turns)
    if turns == QUATERNION:
        _check_lengths(table, numbers)
    readings = {} if turns == QUATERNION else other_readings(turns, numbers)
    return RigidTransform.from_components(places_m, TURNS[turns](numbers)), {
        words: RigidTransform.from_components(places_m, turn) for words, turn in readings.items()
    }


def _plain_header(table: PoseRows) -> list[str]:
    """Return the columns' names as we write them: `X [mm]` is `x_mm`."""
    return [re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") for name in table.header]


def _known(header: list[str], known: Mapping[tuple[str, ...], object]) -> tuple[str, ...] | None:
    return next((names for names in known if set(names) <= set(header)), None)


def _columns(
    table: PoseRows,
    header: list[str],
    known: Mapping[tuple[str, ...], object],
    unclear: Unclear,
) -> tuple[str, ...]:
    """Return the names of the columns that are there.

    Raises:
        DataError: none are.
    """
    if (names := _known(header, known)) is not None:
        return names
    where = f"{table.path}:1"
    if not header and table.rows:
        count = sum(map(is_number, table.rows[0].cells))
        raise DataError(f"nothing tells what {count} numbers a line are", where=where, hint=HINT)
    message = f"the columns {' or '.join(', '.join(names) for names in known)} are not there"
    if (names := _known(header, unclear)) is not None:
        lacking, hint = unclear[names]
        raise DataError(f"{message}: {', '.join(names)} tell {lacking}", where=where, hint=hint)
    raise DataError(message, where=where, hint=HINT)


def _numbers(table: PoseRows, header: list[str], names: tuple[str, ...]) -> Array:
    """Return (N, len(names)) numbers of columns."""
    values = np.zeros((len(table.rows), len(names)))
    for i, row in enumerate(table.rows):
        for j, name in enumerate(names):
            cell = row.cells[header.index(name)]
            if not is_number(cell) or not np.isfinite(float(cell)):
                raise DataError(f"{name} is '{cell}', which is no number", where=row.where)
            values[i, j] = float(cell)
    return values


def _check_lengths(table: PoseRows, quaternions: Array) -> None:
    for row, length in zip(table.rows, np.linalg.norm(quaternions, axis=1), strict=True):
        if abs(length - 1) > UNIT:
            raise DataError(
                f"the quaternion has length {length:.3g}, not 1",
                where=row.where,
                hint="qx, qy, qz, qw in this order, of length 1",
            )


def other_readings(given: tuple[str, ...], angles: Array) -> dict[str, Rotation]:
    """Return in words what else (N, 3) angles can be, and how they have to be written."""
    found = {}
    for names, read in TURNS.items():
        if names not in (given, QUATERNION):
            vector = names[0].startswith("rx")
            kind = "a rotation vector" if vector else "roll, pitch, yaw about the fixed axes"
            words = f"the angles fit as {kind} in {names[0][-3:]}: call them {', '.join(names)}"
            found[words] = read(angles)
    for degrees, axes in itertools.product((False, True), [*FIXED, *map(str.upper, FIXED)]):
        if axes == "xyz":
            continue  # roll, pitch, yaw
        about = f"the {'moving' if axes.isupper() else 'fixed'} axes {', '.join(axes.lower())}"
        words = (
            f"the angles fit as those about {about} in {'deg' if degrees else 'rad'}: write "
            f"quaternions, in scipy Rotation.from_euler('{axes}', angles, {degrees}).as_quat()"
        )
        found[words] = Rotation.from_euler(axes, angles, degrees)
    return found
