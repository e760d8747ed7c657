"""Pictures of a live world: drawn some times a second while somebody watches, as JPEG."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import cv2
import mujoco
import numpy as np
from numpy.typing import NDArray

from hilctl.rehearsal.live_world import LiveWorld
from hilctl.sim.rendering import Image, Renderer, make_renderer
from hilctl.sim.scenes import BoardScene
from hilctl.sim.world import SimWorld

NOISE_LEVELS = 1.2  # standard deviation, of 255: no two pictures of a sensor are the same
SHIFT_PX = 64
QUALITY = 95  # of JPEG: corners of a board stay where they are
WAIT_S = 2.0
STILL = 2e-5  # m, or of an axis: a twentieth of a pixel
NOTHING = (0, b"")  # the number of a picture, and itself


class PictureMaker:
    """Draw the cameras that somebody watches, all at one moment.

    The world is copied for that, and goes on meanwhile.

    Args:
        live: that is seen.
        size: width and height in px.
        rate_hz: of pictures of each camera.
    """

    def __init__(self, live: LiveWorld, size: tuple[int, int], rate_hz: float) -> None:
        self.size = size
        self._live, self._pause_s = live, 1 / rate_hz
        self._news = threading.Condition()
        self._watched: Counter[str] = Counter()
        self._newest: dict[str, tuple[int, bytes]] = {}
        self._places = live.rig.generator("noise of pictures")
        shape = (size[1] + SHIFT_PX, size[0] + SHIFT_PX, 3)  # a piece of it for each picture
        self._noise = self._places.normal(0, NOISE_LEVELS, shape).round().astype(np.int16)
        self._thread = threading.Thread(target=self._run, name="pictures", daemon=True)

    @property
    def views(self) -> list[str]:
        """The names of the cameras."""
        with self._live.held() as world:
            return world.cameras

    def start(self) -> None:
        """Begin to draw what is watched."""
        self._thread.start()

    def close(self) -> None:
        """Wait until nothing is drawn any more, once the world is closed; idempotent."""
        if self._thread.is_alive():
            self._thread.join(10)

    @contextmanager
    def watched(self, view: str) -> Iterator[Iterator[bytes]]:
        """Return the pictures of a camera as JPEG, each as soon as it is drawn."""
        with self._news:
            self._watched[view] += 1
        try:
            yield self._pictures(view)
        finally:
            with self._news:
                self._watched[view] -= 1

    def _pictures(self, view: str) -> Iterator[bytes]:
        seen = self._number_of(view)
        while not self._live.is_over:
            with self._news:
                self._news.wait_for(partial(self._is_newer, view, seen), WAIT_S)
                number, picture = self._newest.get(view, NOTHING)
            if number != seen:
                seen = number
                yield picture

    def _number_of(self, view: str) -> int:
        return self._newest.get(view, NOTHING)[0]

    def _is_newer(self, view: str, seen: int) -> bool:
        return self._number_of(view) != seen

    def _run(self) -> None:
        canvas: _Canvas | None = None
        number = 0
        due_s = time.monotonic()
        while not self._live.is_over:
            due_s = max(due_s + self._pause_s, time.monotonic())
            views = [view for view, count in self._watched.items() if count]
            if views:
                canvas = self._drawn_on(canvas)
                number += 1
                found = {
                    view: (number, self._jpeg(canvas.picture(view, self.size))) for view in views
                }
                with self._news:
                    self._newest.update(found)
                    self._news.notify_all()
            self._live.wait(max(0.0, due_s - time.monotonic()))
        if canvas is not None:
            canvas.close()

    def _jpeg(self, image: Image) -> bytes:
        """Return what a sensor makes of a picture, packed."""
        height, width, _ = image.shape
        x, y = self._places.integers(SHIFT_PX, size=2)
        noise = self._noise[y : y + height, x : x + width]
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        noisy = cv2.add(bgr, noise, dtype=cv2.CV_8U)
        _, jpeg = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        return jpeg.tobytes()

    def _drawn_on(self, canvas: _Canvas | None) -> _Canvas:
        """Return what the world of now can be drawn on: OpenGL wants one thread for all of it."""
        with self._live.held() as world:
            if canvas is None or canvas.world is not world:
                if canvas is not None:
                    canvas.close()
                canvas = _Canvas(world)
            canvas.copy()
        return canvas


class _Canvas:
    """A copy of a world, and what draws it.

    Edges are smooth only where corners of a board are measured: that is two thirds of the work. A
    world in which nothing moves is not drawn again.
    """

    def __init__(self, world: SimWorld) -> None:
        self.world = world
        self._data = mujoco.MjData(world.model)
        samples = None if isinstance(world.scene, BoardScene) else 0
        self._renderer: Renderer = make_renderer(world.model, samples=samples)
        self._drawn: dict[str, Image] = {}
        self._stood = self._standing()

    def copy(self) -> None:
        """Take the world as it is now."""
        mujoco.mj_copyData(self._data, self.world.model, self.world.data)
        stands = self._standing()
        if np.abs(stands - self._stood).max() > STILL:
            self._stood = stands
            self._drawn.clear()

    def picture(self, view: str, size: tuple[int, int]) -> Image:
        """Return the (H, W, 3) RGB picture of a camera."""
        if view not in self._drawn:
            self._drawn[view] = self._renderer.render(self._data, view, *size)
        return self._drawn[view]

    def close(self) -> None:
        """Free what draws."""
        self._renderer.close()

    def _standing(self) -> NDArray[np.float64]:
        """Return the places of all that is drawn, and of what sees it: in m, and axes of length 1.

        How objects are grasped is in the model, and so in places alone.
        """
        data = self._data
        parts = (data.geom_xpos, data.geom_xmat, data.cam_xpos, data.cam_xmat)
        return np.concatenate([part.ravel() for part in parts])
