"""The success model: several small heads that must agree, and a sense of what success looks like.

Each head is the two-layer classifier of Luo et al. 2024 (arXiv 2410.21845) on frozen features. A
policy looks for whatever fools its reward, mostly far from anything a person has shown, so the
model takes the least convinced head, and less still from a picture unlike every known success.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilctl.errors import DataError
from hilctl.networks.projection import Projection
from hilctl.rewards.base import RewardModel
from hilctl.rewards.frames import distances

STRANGE_PENALTY = 10.0  # logits per `reach` beyond the reach of known successes
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Heads:
    """K two-layer networks side by side.

    Attributes:
        hidden: (K, D, H) weights.
        hidden_bias: (K, H).
        output: (K, H) weights.
        output_bias: (K,).
    """

    hidden: Array
    hidden_bias: Array
    output: Array
    output_bias: Array

    def __len__(self) -> int:
        """Return K."""
        return len(self.output_bias)

    def logits(self, frames: NDArray[Any]) -> Array:
        """Return the (K, N) logits of (N, D) frames."""
        x = np.maximum(frames.astype(np.float32) @ self.hidden + self.hidden_bias[:, None], 0)
        return np.asarray(np.einsum("knh,kh->kn", x, self.output) + self.output_bias[:, None])

    def arrays(self) -> dict[str, Array]:
        """Return what the constructor needs, for a file or a gradient step."""
        return dict(vars(self))


@dataclass(frozen=True)
class SuccessModel(RewardModel):
    """Tell how much frames look like success.

    Attributes:
        projections: camera → reduction of its features; the order of cameras is the input's.
        heads: K networks; the least convinced one counts.
        successes: (M, D) known successes.
        reach: distance from a known success at which a frame begins to be strange.
        threshold: probability from which on a frame counts as success.
    """

    projections: Mapping[str, Projection]
    heads: Heads
    successes: NDArray[np.float16]
    reach: float
    threshold: float

    @property
    def cameras(self) -> tuple[str, ...]:
        """Whose frames are judged."""
        return tuple(self.projections)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all that corrections change: heads, known successes, reach and threshold."""
        return {
            **self.heads.arrays(),
            "successes": np.asarray(self.successes),
            "reach": np.array([self.reach]),
            "threshold": np.array([self.threshold]),
        }

    def with_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> SuccessModel:
        """Return a copy that judges as the model did whose `arrays()` these are.

        Raises:
            ValueError: they are of another model.
        """
        for name, ours in self.arrays().items():
            theirs = arrays.get(name)
            if theirs is None or theirs.dtype != ours.dtype:
                raise ValueError(f"{name} is not of {ours.dtype}")
            # there may be any number of known successes, but for none
            rows = len(ours) if name != "successes" else max((1, *theirs.shape[:1]))
            if theirs.shape != (rows, *ours.shape[1:]):
                raise ValueError(f"{name} is of another shape")
        reach, threshold = float(arrays["reach"][0]), float(arrays["threshold"][0])
        if not (math.isfinite(reach) and math.isfinite(threshold)):
            raise ValueError("reach or threshold is no number")
        heads = Heads(**{name: arrays[name] for name in self.heads.arrays()})
        return replace(
            self, heads=heads, successes=arrays["successes"], reach=reach, threshold=threshold
        )

    def reduce(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float16]:
        """Return (N, D) inputs for camera → (N, rows, columns, channels) features.

        Raises:
            DataError: a camera is missing, or features come from another encoder.
        """
        return reduce(self.projections, features)

    def probability(self, frames: NDArray[np.float16]) -> NDArray[np.float64]:
        """Return the (N,) probability of success of reduced frames, by the strictest head."""
        nearest = distances(frames, self.successes).min(axis=1)
        return squash(self.heads.logits(frames).min(axis=0) - strangeness(nearest, self.reach))


def reduce(
    projections: Mapping[str, Projection], features: Mapping[str, NDArray[Any]]
) -> NDArray[np.float16]:
    """Return the (N, D) reduced features of all cameras, side by side.

    Raises:
        DataError: a camera is missing, or features come from another encoder.
    """
    missing = [camera for camera in projections if camera not in features]
    if missing:
        raise DataError(
            f"the classifier judges {', '.join(projections)}; there is no {', '.join(missing)}",
            hint="hilctl train-classifier",
        )
    reduced = [projections[camera].apply(features[camera]) for camera in projections]
    return np.concatenate([part.reshape(len(part), -1) for part in reduced], axis=1)


def strangeness(nearest: Array, reach: float) -> Array:
    """Return the logits to take off for being `nearest` away from every known success."""
    return np.asarray(STRANGE_PENALTY * np.maximum(nearest / reach - 1, 0), np.float32)


def squash(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Return the logistic function without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits.astype(np.float64))))
