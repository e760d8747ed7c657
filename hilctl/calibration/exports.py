"""Calibrations for other programs: ROS `camera_info` and Kalibr's camera chain, both YAML."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from hilctl.calibration.intrinsics import FISHEYE, Intrinsics
from hilctl.errors import DataError

# ROS calls the fisheye of OpenCV by another name, and knows no lens with fewer coefficients
ROS_NAMES = {FISHEYE: "equidistant", "radial": "plumb_bob"}
MAX_OFF_PX = 0.3  # that a simpler distortion may be off within the picture
GRID = 25


def camera_info(name: str, camera: Intrinsics) -> str:
    """Return a camera as ROS's `camera_calibration_parsers` reads it."""
    width, height = camera.size_px
    projection = np.hstack([camera.K, np.zeros((3, 1))])
    return _yaml(
        {
            "image_width": width,
            "image_height": height,
            "camera_name": name,
            "camera_matrix": _matrix(camera.K),
            "distortion_model": ROS_NAMES.get(camera.model, camera.model),
            "distortion_coefficients": _matrix(camera.distortion[None]),
            "rectification_matrix": _matrix(np.eye(3)),
            "projection_matrix": _matrix(projection),
        }
    )


def camchain(name: str, camera: Intrinsics) -> str:
    """Return a camera as Kalibr's camchain.yaml.

    Raises:
        DataError: its four coefficients cannot say what the lens does.
    """
    fisheye = camera.model == FISHEYE
    coefficients = camera.distortion if fisheye else _radtan(camera)
    width, height = camera.size_px
    fx, fy, cx, cy = (float(number) for number in camera.parameters[:4])
    return _yaml(
        {
            "cam0": {
                "camera_model": "pinhole",
                "intrinsics": [fx, fy, cx, cy],
                "distortion_model": "equidistant" if fisheye else "radtan",
                "distortion_coeffs": [float(number) for number in coefficients],
                "resolution": [width, height],
                "rostopic": f"/{name}/image_raw",
            }
        }
    )


def _radtan(camera: Intrinsics) -> np.ndarray[Any, Any]:
    """Return k1, k2, p1, p2 that come nearest to a distortion with more coefficients."""
    width, height = camera.size_px
    grid = np.meshgrid(np.linspace(0, width - 1, GRID), np.linspace(0, height - 1, GRID))
    px = np.stack(grid, axis=-1).reshape(-1, 2)
    x, y = camera.straightened(px).T
    focal, centre = camera.parameters[:2], camera.parameters[2:4]
    wanted = (px - centre) / focal - np.stack([x, y], axis=1)
    r2 = x**2 + y**2
    along_x = np.stack([x * r2, x * r2**2, 2 * x * y, r2 + 2 * x**2], axis=1)
    along_y = np.stack([y * r2, y * r2**2, r2 + 2 * y**2, 2 * x * y], axis=1)
    parts = np.stack([along_x, along_y], axis=1)
    found = np.linalg.lstsq(parts.reshape(-1, 4), wanted.reshape(-1))[0]
    off_px = np.linalg.norm((parts @ found - wanted) * focal, axis=1).max()
    if off_px > MAX_OFF_PX:
        raise DataError(
            f"Kalibr's four coefficients come no nearer than {off_px:.1f} px to this lens",
            hint="use the ROS format, which has all of them",
        )
    return np.asarray(found)


def _matrix(values: np.ndarray[Any, Any]) -> dict[str, Any]:
    rows, columns = values.shape
    return {"rows": rows, "cols": columns, "data": [float(value) for value in values.reshape(-1)]}


def _yaml(content: Mapping[str, Any]) -> str:
    yaml = YAML()
    yaml.default_flow_style = None
    out = io.StringIO()
    yaml.dump(dict(content), out)
    return out.getvalue()
