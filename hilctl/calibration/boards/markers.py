"""The dictionaries of ArUco and AprilTag markers that OpenCV knows.

Those of one family are cut from one list: the 50 markers of `4x4_50` are the first of `4x4_1000`.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hilctl.calibration.boards.base import Image

DEFAULT_DICTIONARY = "5x5_100"
SIZES = {  # number of markers; those of one family in order
    **{f"{n}x{n}_{size}": size for n in (4, 5, 6, 7) for size in (50, 100, 250, 1000)},
    "aruco_original": 1024,
    "aruco_mip_36h12": 250,
    "apriltag_16h5": 30,
    "apriltag_25h9": 35,
    "apriltag_36h10": 2320,
    "apriltag_36h11": 587,
}


def dictionary_of(name: str) -> Any:
    """Return OpenCV's dictionary of a name."""
    known = {one.upper(): one for one in dir(cv2.aruco)}  # its spelling depends on the version
    return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, known[f"DICT_{name.upper()}"]))


def relatives(name: str) -> list[str]:
    """Return the dictionaries that are cut from the same list, the smallest first."""
    family = _family(name)
    return [one for one in SIZES if _family(one) == family]


def families() -> list[str]:
    """Return the largest dictionary of each family."""
    return list({_family(name): name for name in SIZES}.values())


def smallest_with(name: str, count: int) -> str | None:
    """Return the smallest dictionary of a family that has `count` markers, or None."""
    return next((one for one in relatives(name) if SIZES[one] >= count), None)


def find_markers(grey: Image, name: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return (N,) which markers of a dictionary are in a picture, and their (N, 4, 2) corners."""
    corners_px, ids, _ = cv2.aruco.ArucoDetector(dictionary_of(name)).detectMarkers(grey)
    if ids is None:
        return np.zeros(0, np.int64), np.zeros((0, 4, 2))
    return np.asarray(ids, np.int64).reshape(-1), np.asarray(corners_px, float).reshape(-1, 4, 2)


def _family(name: str) -> str:
    return name.rsplit("_", 1)[0] if "x" in name else name
