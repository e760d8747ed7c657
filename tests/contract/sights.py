"""Things for cameras to look at that need no camera: a network camera, a video file."""

from __future__ import annotations

import atexit
import tempfile
from functools import cache
from pathlib import Path

from video_server import RATE_HZ, SIZE_PX, FakeCamera, picture

FILM_S = 3


@cache
def network_camera() -> FakeCamera:
    """Return a camera on the network that works as long as the tests run."""
    camera = FakeCamera()
    atexit.register(camera.unplug)
    return camera


@cache
def video_file() -> Path:
    """Return a video of what such a camera sees."""
    path = Path(tempfile.mkdtemp(prefix="hilctl-film-")) / "film.mp4"
    write_film(path, round(FILM_S * RATE_HZ))
    return path


def write_film(path: Path, pictures: int) -> None:
    """Write a video."""
    import av

    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=round(RATE_HZ))
        stream.width, stream.height = SIZE_PX
        stream.pix_fmt = "yuv444p"
        for number in range(pictures):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number), format="rgb24")))
        film.mux(stream.encode())
