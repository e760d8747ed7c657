"""A fixed, whitened linear reduction of encoder features: small enough to replay on a CPU.

Principal components over every position of every frame (Pearson 1901), scaled to unit variance.
Positions stay apart, so the place of things survives; only channels are mixed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hilctl.errors import DataError

VARIANCE_FLOOR = 1e-6  # of the largest variance: directions under it are noise, not to be blown up
LIMIT = 100.0  # standard deviations: keeps pictures unlike any demonstration inside float16


@dataclass(frozen=True)
class Projection:
    """Map features of one camera to few whitened channels.

    Attributes:
        mean: (C,) float32, over all positions.
        matrix: (C, K) float32; its columns are orthogonal.
    """

    mean: NDArray[np.float32]
    matrix: NDArray[np.float32]

    @classmethod
    def identity(cls, channels: int) -> Self:
        """Return the projection that keeps all C channels as they are."""
        return cls(np.zeros(channels, np.float32), np.eye(channels, dtype=np.float32))

    @property
    def channels(self) -> int:
        """How many channels come out."""
        return int(self.matrix.shape[1])

    def apply(self, features: NDArray[Any]) -> NDArray[np.float16]:
        """Reduce (..., rows, columns, C) features to (..., rows, columns, K) float16.

        Raises:
            DataError: the features have another number of channels.
        """
        if features.shape[-1] != self.mean.size:
            raise DataError(
                f"features have {features.shape[-1]} channels, the projection takes "
                f"{self.mean.size}: they come from different encoders",
                hint="train again with the encoder of the task file",
            )
        white = (features.astype(np.float32) - self.mean) @ self.matrix
        return np.clip(white, -LIMIT, LIMIT).astype(np.float16)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return what `from_arrays` needs, for a checkpoint."""
        return {"mean": self.mean, "matrix": self.matrix}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuild a projection from `arrays()`.

        Raises:
            ValueError: they do not belong together.
        """
        mean, matrix = (np.asarray(arrays[key], np.float32) for key in ("mean", "matrix"))
        if matrix.shape != (mean.size, matrix.shape[-1]):
            raise ValueError(f"a mean of {mean.shape} and a matrix of {matrix.shape}")
        return cls(mean, matrix)


def fit_projection(features: NDArray[Any], channels: int = 8) -> Projection:
    """Fit the projection of one camera on frames of demonstrations.

    The same features give the same projection: signs are fixed so that the largest weight of each
    component is positive.

    Args:
        features: (N, rows, columns, C) of at least one frame.
        channels: K, how many components to keep, at most C.

    Raises:
        ValueError: no frames, or more channels than there are.
    """
    width = features.shape[-1]
    if features.size == 0 or not 1 <= channels <= width:
        raise ValueError(f"cannot take {channels} components of features {features.shape}")
    points = features.reshape(-1, width).astype(np.float64)
    mean = points.mean(axis=0)
    points -= mean
    variances, directions = np.linalg.eigh(points.T @ points / len(points))
    variances, directions = variances[::-1][:channels], directions[:, ::-1][:, :channels]
    peaks = directions[np.abs(directions).argmax(axis=0), np.arange(channels)]
    floor = max(VARIANCE_FLOOR * float(variances[0]), VARIANCE_FLOOR)
    scale = np.sign(peaks) / np.sqrt(np.clip(variances, floor, None))
    return Projection(mean.astype(np.float32), (directions * scale).astype(np.float32))
