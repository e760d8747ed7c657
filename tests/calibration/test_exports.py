"""Other programs get the same camera."""

from __future__ import annotations

import numpy as np
import pytest
from ruamel.yaml import YAML

from hilctl.calibration.exports import camchain, camera_info
from hilctl.calibration.intrinsics import Intrinsics
from hilctl.errors import DataError

K = np.array([[600.0, 0, 327], [0, 602, 236], [0, 0, 1]])
SIZE = (640, 480)
LENSES = {
    "radial": np.array([-0.2, 0.05, 0.0, 0.0, 0.0]),
    "plumb_bob": np.array([-0.2, 0.05, 0.001, -0.001, -0.01]),
    "rational_polynomial": np.array([0.1, 0.02, 0.001, -0.001, 0.0, 0.3, 0.05, 0.0]),
    "fisheye": np.array([-0.02, 0.005, 0.0, 0.0]),
}
RAYS = np.stack(np.meshgrid([-0.4, 0, 0.4], [-0.3, 0, 0.3], [1.0]), axis=-1).reshape(-1, 3)


@pytest.mark.parametrize("model", LENSES)
def test_ros_reads_the_same_camera(model: str) -> None:
    camera = Intrinsics(K, LENSES[model], model, SIZE)
    content = YAML(typ="safe").load(camera_info("wrist", camera))
    assert content["camera_name"] == "wrist"
    assert (content["image_width"], content["image_height"]) == SIZE
    read = np.array(content["camera_matrix"]["data"]).reshape(3, 3)
    coefficients = np.array(content["distortion_coefficients"]["data"])
    names = {"fisheye": "equidistant", "radial": "plumb_bob"}
    assert content["distortion_model"] == names.get(model, model)
    again = Intrinsics(read, coefficients, model, SIZE)
    np.testing.assert_array_equal(again.project(RAYS), camera.project(RAYS))


@pytest.mark.parametrize("model", LENSES)
def test_kalibr_reads_a_camera_that_projects_alike(model: str) -> None:
    camera = Intrinsics(K, LENSES[model], model, SIZE)
    content = YAML(typ="safe").load(camchain("wrist", camera))["cam0"]
    fx, fy, cx, cy = content["intrinsics"]
    read = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    kind = {"equidistant": "fisheye", "radtan": "plumb_bob"}[content["distortion_model"]]
    coefficients = np.array(content["distortion_coeffs"])
    if kind == "plumb_bob":
        coefficients = np.append(coefficients, 0.0)
    again = Intrinsics(read, coefficients, kind, tuple(content["resolution"]))
    np.testing.assert_allclose(again.project(RAYS), camera.project(RAYS), atol=0.3)


def test_a_lens_that_kalibr_cannot_describe_is_refused() -> None:
    camera = Intrinsics(K, np.array([-0.4, 0.3, 0, 0, -2.5]), "plumb_bob", SIZE)
    with pytest.raises(DataError, match="no nearer than"):
        camchain("wrist", camera)
