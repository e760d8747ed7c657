"""A Gymnasium environment that costs little but its two pictures, for `hilctl bench`."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

SIDE_PX = 128
ID = f"{__name__}:Drawn-v0"
TASK: dict[str, Any] = {
    "id": ID,
    "kwargs": {},
    "images": {"front": "pixels/front", "top": "pixels/top"},
    "state": ["at"],
    "success": "info/success",
    "action": None,
}


class DrawnWorld(gymnasium.Env[dict[str, Any], NDArray[np.float32]]):
    """A point that is moved about; two pictures of noise, so that none can be packed small."""

    def __init__(self) -> None:
        picture = spaces.Box(0, 255, (SIDE_PX, SIDE_PX, 3), np.uint8)
        self.observation_space = spaces.Dict(
            {
                "pixels": spaces.Dict({"front": picture, "top": picture}),
                "at": spaces.Box(-1, 1, (6,), np.float32),
            }
        )
        self.action_space = spaces.Box(-1, 1, (6,), np.float32)
        self._pictures = np.random.default_rng(0).integers(
            0, 256, (2, SIDE_PX, SIDE_PX, 3), np.uint8
        )
        self._at = np.zeros(6, np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Go back to the middle."""
        super().reset(seed=seed)
        self._at = np.zeros(6, np.float32)
        return self._seen(), {}

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Move."""
        self._at = np.clip(self._at + 0.01 * action, -1, 1)
        return self._seen(), 0.0, False, False, {"success": False}

    def _seen(self) -> dict[str, Any]:
        front, top = self._pictures.copy()
        return {"pixels": {"front": front, "top": top}, "at": self._at}


gymnasium.register("Drawn-v0", f"{__name__}:DrawnWorld")
