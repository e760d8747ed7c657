"""Which pictures are copies of each other: however many there are, they tell what one does.

What a robot's joints or a lens are off by at a pose, it is off by again in the next picture from
there. So only distinct poses and views count as evidence, and copies are held out together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilctl.calibration.boards.base import Detection

if TYPE_CHECKING:
    from scipy.spatial.transform import RigidTransform

Indices = NDArray[np.int64]

# poses nearer than that in both are one
SAME_M, SAME_RAD = 0.01, np.deg2rad(2.0)
# rms, of the board's extent in the picture; careful sets of 50 pictures differ by 3 % and more, and
# with 1 % the tilts of a small board far away would look the same
SAME_PLACE = 0.0075
MIN_SHARED = 4  # corners seen twice, to tell whether they moved


def groups_of_poses(T: RigidTransform) -> Indices:
    """Return (N,) the number of the group each of (N,) poses belongs to, from 0."""
    places, turns = np.atleast_2d(T.translation), np.atleast_2d(T.rotation.as_quat())
    away_m = np.linalg.norm(places[:, None] - places[None], axis=-1)
    turned_rad = 2 * np.arccos(np.clip(np.abs(turns @ turns.T), 0, 1))
    return _grouped((away_m < SAME_M) & (turned_rad < SAME_RAD))


def groups_of_views(views: Sequence[Detection]) -> Indices:
    """Return (N,) the number of the group each view belongs to, from 0."""
    same = np.eye(len(views), dtype=bool)
    for i, view in enumerate(views):
        for j in range(i):
            same[i, j] = same[j, i] = _show_the_same(view, views[j])
    return _grouped(same)


def count_distinct(groups: Indices) -> int:
    """Return how many groups there are."""
    return len(np.unique(groups))


def members(groups: Indices) -> list[Indices]:
    """Return the indices of each group's members."""
    return [np.flatnonzero(groups == group) for group in np.unique(groups)]


def _show_the_same(one: Detection, other: Detection) -> bool:
    """Return whether the corners that two views share are where they were."""
    _, here, there = np.intersect1d(one.ids, other.ids, return_indices=True)
    if len(here) < MIN_SHARED or one.size_px != other.size_px:
        return False
    moved_px = np.linalg.norm(one.image_px[here] - other.image_px[there], axis=1)
    extent_px = np.linalg.norm(np.ptp(one.image_px[here], axis=0))
    return bool(np.sqrt(np.mean(moved_px**2)) < SAME_PLACE * extent_px)


def _grouped(same: NDArray[np.bool_]) -> Indices:
    """Return (N,) groups by (N, N) who is like whom: all in one are like its first member.

    A chain of neighbours, as in a film, is not one group: its ends are far apart.
    """
    groups = np.full(len(same), -1)
    for i, alike in enumerate(same):
        if groups[i] < 0:
            groups[alike & (groups < 0)] = groups.max(initial=-1) + 1
    return groups
