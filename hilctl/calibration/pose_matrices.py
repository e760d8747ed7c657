"""Poses as 4×4 matrices in metres.

16 numbers a line, or 12 without the row 0 0 0 1, row by row or column by column, which can be told
apart; or one row of the matrix a line.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import RigidTransform

from hilctl.calibration.pose_text import PoseRows, is_number
from hilctl.errors import DataError

Array = NDArray[np.float64]
Fault = tuple[str, str]

MAX_REACH_M = 10.0  # of any arm: larger numbers are no metres
ROUNDING, NO_ROTATION = 1e-4, 1e-2
HINT = "a matrix is r r r x, r r r y, r r r z, 0 0 0 1: the base's axes, and in metres the tcp"


def transforms_of_matrices(table: PoseRows, names: int | None) -> RigidTransform | None:
    """Return (N,) `T_base_tcp`, or None when a table does not look like matrices.

    Args:
        table: the lines.
        names: the column with the pictures' names, if there is one.

    Raises:
        DataError: a matrix is none; it says which.
    """
    lines = [
        (row.where, [c for i, c in enumerate(row.cells) if i != names and is_number(c)])
        for row in table.rows
    ]
    count = max((len(numbers) for _, numbers in lines), default=0)
    if count == 4 and names is None and len(lines) % 4 == 0:
        lines = [
            (lines[i][0], [cell for _, numbers in lines[i : i + 4] for cell in numbers])
            for i in range(0, len(lines), 4)
        ]
        count = 16
    if count not in (12, 16):
        return None
    for where, numbers in lines:
        if len(numbers) != count:
            message = f"{len(numbers)} numbers, a matrix has {count}"
            raise DataError(message, where=where, hint=HINT)
    return _transforms([where for where, _ in lines], np.array([n for _, n in lines], float))


def _transforms(where: list[str], numbers: Array) -> RigidTransform:
    """Return (N,) transforms of (N, 16) or (N, 12) numbers."""
    count = len(numbers)
    if numbers.shape[1] == 12:
        last = np.tile([0.0, 0.0, 0.0, 1.0], (count, 1, 1))
        by_row = np.concatenate([numbers.reshape(count, 3, 4), last], axis=1)
        columns = numbers.reshape(count, 4, 3).transpose(0, 2, 1)
        by_column = np.concatenate([columns, last], axis=1)
    else:
        by_row = numbers.reshape(count, 4, 4)
        by_column = by_row.transpose(0, 2, 1)
    faults = [_fault(T) for T in by_row]
    if any(faults) and not any(_fault(T) for T in by_column):
        return RigidTransform.from_matrix(by_column)
    for line, fault in zip(where, faults, strict=True):
        if fault is not None:
            raise DataError(fault[0], where=line, hint=fault[1])
    return RigidTransform.from_matrix(by_row)


def _fault(T: Array) -> Fault | None:
    """Return what is wrong with a (4, 4) matrix, and how to mend it, or None."""
    turn, far_m = T[:3, :3], float(np.abs(T[:3, 3]).max())
    if not np.all(np.isfinite(T)) or np.abs(turn @ turn.T - np.eye(3)).max() > NO_ROTATION:
        return "the first three columns of the matrix are no rotation", HINT
    if np.linalg.det(turn) < 0:
        return "the matrix mirrors", HINT
    if np.abs(T[3] - [0, 0, 0, 1]).max() > ROUNDING:
        return "the last row of the matrix is not 0 0 0 1", HINT
    if far_m > MAX_REACH_M:
        hint = "matrices are in metres: divide x, y, z by 1000 if they are in millimetres"
        return f"the tool would be {far_m:.0f} m from the base", hint
    return None
