"""A camera as a projection: focal lengths, centre, distortion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from hilctl.calibration.boards.base import Detection
from hilctl.errors import DataError

if TYPE_CHECKING:
    from scipy.spatial.transform import RigidTransform

Array = NDArray[np.float64]
FISHEYE = "fisheye"
SAME_SHAPE = 0.01  # relative: rounding of sides


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole or fisheye camera with distortion.

    Attributes:
        K: (3, 3) in px.
        distortion: coefficients in OpenCV's order.
        model: "radial" (5 coefficients of which the last three are 0), "plumb_bob" (5),
            "rational_polynomial" (8) or "fisheye" (4).
        size_px: width and height of the pictures it is for.
    """

    K: Array
    distortion: Array
    model: str
    size_px: tuple[int, int]

    @property
    def parameters(self) -> Array:
        """The (4 + n,) numbers fx, fy, cx, cy and the distortion."""
        return np.array([*self.K[[0, 1, 0, 1], [0, 1, 2, 2]], *self.distortion])

    def at_size(self, size_px: tuple[int, int]) -> Intrinsics:
        """Return the same camera delivering smaller or larger pictures of the same view.

        Raises:
            DataError: they have another shape, so that it is not the same view.
        """
        ratio = np.divide(*size_px) / np.divide(*self.size_px)
        if not np.isclose(ratio, 1.0, atol=SAME_SHAPE):
            ours, theirs = (f"{width}×{height}" for width, height in (self.size_px, size_px))
            raise DataError(
                f"the intrinsics are for pictures of {ours} px, these have {theirs}: another shape",
                hint="use the resolution they were found with, or find them for this one",
            )
        scale = np.divide(size_px, self.size_px)
        K = self.K.copy()
        K[[0, 1], [0, 1]] *= scale
        K[:2, 2] = (K[:2, 2] + 0.5) * scale - 0.5  # the centre of the first pixel is (0, 0)
        return replace(self, K=K, size_px=size_px)

    def project(self, points_m: Array) -> Array:
        """Return (N, 2) px of (N, 3) points in the camera's frame."""
        still = np.zeros(3)
        points = np.ascontiguousarray(points_m, float).reshape(-1, 1, 3)
        project = cv2.fisheye.projectPoints if self.model == FISHEYE else cv2.projectPoints
        px, _ = project(points, still, still, self.K, self.distortion)
        return np.asarray(px, float).reshape(-1, 2)

    def straightened(self, image_px: Array) -> Array:
        """Return (N, 2) directions x/z, y/z of (N, 2) px."""
        points = np.ascontiguousarray(image_px, float).reshape(-1, 1, 2)
        undistort = cv2.fisheye.undistortPoints if self.model == FISHEYE else cv2.undistortPoints
        flat = undistort(points, self.K, self.distortion)
        return np.asarray(flat, float).reshape(-1, 2)

    def locate(self, view: Detection) -> RigidTransform:
        """Return `T_cam_board` of a view: the pose that predicts its corners best."""
        from scipy.spatial.transform import RigidTransform, Rotation  # 0.3 s to import

        points = self.straightened(view.image_px)
        # a flat board can be seen from two sides that look alike: the better one is the first
        _, turns, places, _ = cv2.solvePnPGeneric(
            view.object_m, points, np.eye(3), None, flags=cv2.SOLVEPNP_IPPE
        )
        turn, place = cv2.solvePnPRefineLM(
            view.object_m, points, np.eye(3), None, turns[0], places[0]
        )
        return RigidTransform.from_components(
            np.asarray(place, float).reshape(3),
            Rotation.from_rotvec(np.asarray(turn, float).reshape(3)),
        )

    def errors_px(self, view: Detection) -> Array:
        """Return (N, 2) px from the predicted to the seen corners, at the best pose."""
        return view.image_px - self.project(self.locate(view).apply(view.object_m))
