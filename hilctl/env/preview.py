"""What the cameras see, for a person who drives: small pictures as words of a message."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import cv2
import gymnasium
import numpy as np
from numpy.typing import NDArray

from hilctl.env.base import AT_THE_START, Obs, environment_of
from hilctl.env.questions import Screen

Array = NDArray[np.float64]
Images = Mapping[str, NDArray[np.uint8]]

SEEN = "seen"
QUALITY = 90  # of JPEG: 4 kB for 128×128, where PNG has 25


class ShowFrames(gymnasium.Wrapper[Obs, Array, Obs, Array]):
    """Show every camera's frame, as the policy gets it, some times a second.

    Args:
        env: with `obs["images"]`.
        screen: told "seen" with the pictures.
        rate_hz: of pictures, at most.
    """

    def __init__(self, env: gymnasium.Env[Obs, Array], screen: Screen, rate_hz: float) -> None:
        super().__init__(env)
        self._screen, self._clock = screen, environment_of(env).clock
        self._pause_ns = round(1e9 / rate_hz)
        self._due_ns = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Obs, dict[str, Any]]:
        """Reset and show where the episode begins, before somebody is waited for."""
        options = dict(options or {})
        if wait := options.get(AT_THE_START):

            def look_and_wait() -> None:
                self.look()
                wait()

            options[AT_THE_START] = look_and_wait
        obs, info = self.env.reset(seed=seed, options=options)
        self._due_ns = self._clock.now_ns()
        self._show(obs["images"])
        return obs, info

    def step(self, action: Array) -> tuple[Obs, float, bool, bool, dict[str, Any]]:
        """Step and show what came of it."""
        obs, reward, terminated, truncated, info = self.env.step(action)
        self._show(obs["images"])
        return obs, float(reward), terminated, truncated, info

    def look(self) -> Obs:
        """Look and show what there is now, without a step."""
        obs: Obs = self.env.get_wrapper_attr("look")()
        self._screen(SEEN, "", {"images": packed(obs["images"])})
        return obs

    def _show(self, images: Images) -> None:
        now_ns = self._clock.now_ns()
        # a step that comes a moment early is not left out, nor the one after a late one
        if now_ns >= self._due_ns - self._pause_ns // 4:
            self._due_ns = max(self._due_ns, now_ns - self._pause_ns) + self._pause_ns
            self._screen(SEEN, "", {"images": packed(images)})


def packed(images: Images) -> dict[str, str]:
    """Return (H, W, 3) RGB pictures as JPEG in base 64."""
    return {name: _jpeg(image) for name, image in images.items()}


def unpacked(images: Mapping[str, str]) -> dict[str, NDArray[np.uint8]]:
    """Return the (H, W, 3) RGB pictures that were packed."""
    return {name: _picture(text) for name, text in images.items()}


def _jpeg(image: NDArray[np.uint8]) -> str:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return base64.b64encode(jpeg.tobytes()).decode()


def _picture(text: str) -> NDArray[np.uint8]:
    jpeg = np.frombuffer(base64.b64decode(text), np.uint8)
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR_RGB), np.uint8)
