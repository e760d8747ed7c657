"""What the policy sees: projected camera features and a normalised state vector, frames included.

Fixed before training starts (fitted on demonstrations) and stored with the weights, so that whoever
loads a policy sees the world as it did.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hilctl import geometry
from hilctl.networks.projection import Projection, fit_projection

Array = NDArray[Any]

STATE = "state"
POSE = "tcp_pose"  # what others are relative to
DEVIATION_FLOOR = 1e-3  # of SI units: a quantity that never moved must not be blown up


@dataclass(frozen=True)
class Perception:
    """Turn raw features and states into the arrays the networks take.

    Attributes:
        projections: camera → fixed reduction of its features.
        keys: state quantities in the vector, in order.
        relative: pose relative to the episode's first one, velocity in the tcp frame.
        mean, deviation: (S,) of the state vector over the demonstrations.
    """

    projections: Mapping[str, Projection]
    keys: tuple[str, ...]
    relative: bool
    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]

    @classmethod
    def fit(
        cls,
        features: Mapping[str, Array],
        episodes: Sequence[Mapping[str, Array]],
        *,
        keys: Sequence[str],
        relative: bool,
        channels: int | None,
    ) -> Self:
        """Fit projections and normalisation.

        Args:
            features: camera → (N, rows, columns, C) of many frames.
            episodes: for each episode, state name → (T, ·) absolute values.
            keys: state quantities to use.
            relative: see the class.
            channels: kept per camera; None = all of them, as they are.
        """
        vectors = np.concatenate([state_vectors(e, keys, relative=relative) for e in episodes])
        return cls(
            {name: _projection(array, channels) for name, array in features.items()},
            tuple(keys),
            relative,
            vectors.mean(axis=0).astype(np.float32),
            np.maximum(vectors.std(axis=0), DEVIATION_FLOOR).astype(np.float32),
        )

    def __call__(
        self,
        features: Mapping[str, Array],
        states: Mapping[str, Array],
        first: Mapping[str, Array] | None = None,
    ) -> dict[str, Array]:
        """Return the networks' input for T instants of one episode.

        Args:
            features: camera → (T, rows, columns, C).
            states: name → (T, ·), absolute.
            first: name → (·,), the episode's first state; None = the first of `states`.

        Returns:
            camera → (T, rows, columns, K) float16, and "state" → (T, S) float32.
        """
        vectors = state_vectors(states, self.keys, relative=self.relative, first=first)
        normalised = np.clip((vectors - self.mean) / self.deviation, -10, 10).astype(np.float32)
        projected = {name: p.apply(features[name]) for name, p in self.projections.items()}
        return {**projected, STATE: normalised}

    def example(self, grid: tuple[int, int]) -> dict[str, Array]:
        """Return zeros of the shapes the networks take.

        Args:
            grid: rows and columns of the encoder's features.
        """
        images = {
            camera: np.zeros((*grid, projection.channels), np.float16)
            for camera, projection in self.projections.items()
        }
        return {**images, STATE: np.zeros(len(self.mean), np.float32)}

    def arrays(self) -> dict[str, Array]:
        """Return what `from_arrays` needs, flat, for a checkpoint."""
        flat: dict[str, Array] = {"mean": self.mean, "deviation": self.deviation}
        for camera, projection in self.projections.items():
            flat |= {f"{camera}/{key}": value for key, value in projection.arrays().items()}
        return flat

    @property
    def fingerprint(self) -> str:
        """12 hex digits that are equal when the same is seen."""
        digest = hashlib.sha256(repr((self.keys, self.relative)).encode())
        for name, array in sorted(self.arrays().items()):
            digest.update(name.encode() + np.asarray(array, np.float64).tobytes())
        return digest.hexdigest()[:12]

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, Array], *, cameras: Sequence[str], keys: Sequence[str],
        relative: bool,
    ) -> Self:  # fmt: skip
        """Rebuild what `arrays()` described."""
        projections = {
            name: Projection.from_arrays({k: arrays[f"{name}/{k}"] for k in ("mean", "matrix")})
            for name in cameras
        }
        return cls(projections, tuple(keys), relative, arrays["mean"], arrays["deviation"])


def _projection(features: Array, channels: int | None) -> Projection:
    if channels is None:
        return Projection.identity(features.shape[-1])
    return fit_projection(features, channels)


def state_vectors(
    states: Mapping[str, Array],
    keys: Sequence[str],
    *,
    relative: bool,
    first: Mapping[str, Array] | None = None,
) -> NDArray[np.float32]:
    """Return (T, S) proprioception of one episode.

    Poses become position in m and the first two columns of the rotation matrix (continuous
    everywhere: Zhou et al. 2019). With `relative`, they are `T = T_b0⁻¹ T_bt` and velocities are
    turned into the tcp frame, so that nothing depends on where the base stands.
    """
    columns = []
    for key in keys:
        quantity, pose = key.rpartition("/")[2], pose_key(key)
        if quantity == POSE:
            start = states[pose][0] if first is None else first[pose]
            origin = start if relative else None
            columns.append(np.stack([pose_vector(p, origin) for p in states[pose]]))
        elif quantity == "tcp_velocity" and relative:
            turned = [in_tcp_frame(p, v) for p, v in zip(states[pose], states[key], strict=True)]
            columns.append(np.stack(turned))
        else:
            columns.append(np.asarray(states[key]))
    return np.concatenate(columns, axis=1).astype(np.float32)


def pose_key(key: str) -> str:
    """Return the name of the pose of the arm that a measurement is of."""
    arm, slash, _ = key.rpartition("/")
    return f"{arm}{slash}{POSE}"


def pose_vector(T_base_tcp: Array, origin: Array | None) -> Array:
    """Return (9,): position in m and two rotation columns, in `origin` or in the base frame."""
    pose = T_base_tcp if origin is None else geometry.compose(geometry.inverse(origin), T_base_tcp)
    rotation = geometry.quat_to_matrix(pose[3:])
    return np.concatenate([pose[:3], rotation[:, 0], rotation[:, 1]])


def in_tcp_frame(T_base_tcp: Array, velocity: Array) -> Array:
    """Return the (6,) velocity with both halves turned from the base into the tcp frame."""
    to_tcp = geometry.quat_to_matrix(T_base_tcp[3:]).T
    return np.concatenate([to_tcp @ velocity[:3], to_tcp @ velocity[3:]])
