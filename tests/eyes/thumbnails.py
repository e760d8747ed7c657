"""An encoder of another package that takes no time: colours of small patches, and how they vary.

Trainings of tests see through it; a clone of two arms and `.ci/run` see through a real one.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hilctl.networks.encoders.base import Encoder

PATCH_PX, CELL_PX = 4, 8


class Thumbnails(Encoder):
    """Mean colours of the four patches of a cell, and their deviations."""

    image_size: ClassVar[tuple[int, int]] = (32, 32)
    feature_shape: ClassVar[tuple[int, int, int]] = (4, 4, 24)

    def __init__(self, weights: Path | None = None) -> None:
        """Take no weights."""

    @property
    def fingerprint(self) -> str:
        """Return what never changes."""
        return "thumbnails"

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Return (N, 4, 4, 24) features of (N, H, W, 3) pictures."""
        fitted = self.fit(images).astype(np.float32) / 64.0
        half = CELL_PX // PATCH_PX
        # cells down, patches down, px down, the same across, colours
        pixels = fitted.reshape(-1, 4, half, PATCH_PX, 4, half, PATCH_PX, 3)
        patches = pixels.transpose(0, 1, 4, 2, 5, 3, 6, 7)
        found = np.stack([patches.mean(axis=(5, 6)), patches.std(axis=(5, 6))], axis=-1)
        return found.reshape(-1, *self.feature_shape).astype(np.float16)
