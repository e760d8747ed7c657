"""A recording as a RealSense makes it, without one: by the software device of its library."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from video_server import RATE_HZ, SIZE_PX, picture

from hilctl.cameras.realsense import _library

PICTURES = 30
FOCAL_PX = 180.0
BYTES = {"rgb8": 3, "yuyv": 2}  # of a pixel


def record(path: Path, serial: str, pictures: int = PICTURES, packing: str = "rgb8") -> None:
    """Record a second of a camera with this serial, which packs its pictures like that."""
    rs = _library()
    camera = rs.software_device()
    camera.register_info(rs.camera_info.serial_number, serial)
    camera.register_info(rs.camera_info.name, "RealSense without hardware")
    sensor = camera.add_sensor("RGB Camera")
    profile = sensor.add_video_stream(_stream(rs, packing))
    recorder = rs.recorder(str(path), camera)
    recorded = recorder.query_sensors()[0]
    recorded.open(recorded.get_stream_profiles()[0])
    recorded.start(rs.frame_queue(2))
    for number in range(pictures):
        sensor.on_video_frame(_frame(rs, profile, number, BYTES[packing]))
        time.sleep(1 / RATE_HZ)
    recorded.stop()
    recorded.close()


def _stream(rs, packing: str):  # type: ignore[no-untyped-def]
    width, height = SIZE_PX
    lens = rs.intrinsics()
    lens.width, lens.height, lens.fx, lens.fy = width, height, FOCAL_PX, FOCAL_PX
    lens.ppx, lens.ppy = (width - 1) / 2, (height - 1) / 2
    lens.model, lens.coeffs = rs.distortion.brown_conrady, [0.01, 0, 0, 0, 0]
    stream = rs.video_stream()
    stream.type, stream.index, stream.uid = rs.stream.color, 0, 1
    stream.width, stream.height, stream.fps = width, height, round(RATE_HZ)
    stream.bpp, stream.fmt = BYTES[packing], getattr(rs.format, packing)
    stream.intrinsics = lens
    return stream


def _frame(rs, profile, number: int, size: int):  # type: ignore[no-untyped-def]
    frame = rs.software_video_frame()
    frame.pixels = np.ascontiguousarray(picture(number)[:, :, :size])
    frame.stride, frame.bpp = size * SIZE_PX[0], size
    frame.timestamp, frame.frame_number = number * 1000 / RATE_HZ, number + 1
    frame.domain, frame.profile = rs.timestamp_domain.system_time, profile.as_video_stream_profile()
    return frame
