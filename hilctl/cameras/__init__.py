"""Camera drivers."""

from __future__ import annotations

from hilctl.cameras.base import Camera
from hilctl.registry import Registry

BUILTIN = {
    "sim": "hilctl.cameras.sim:SimCamera",
    "opencv": "hilctl.cameras.opencv:OpencvCamera",
    "realsense": "hilctl.cameras.realsense:RealsenseCamera",
    "basler": "hilctl.cameras.basler:BaslerCamera",
}
CAMERAS: Registry[Camera] = Registry("camera", BUILTIN, package=__name__)
