"""The encoder contract: frozen, deterministic, one picture in, one spatial feature map out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hilctl.networks.letterbox import letterboxed

EncodeImages = Callable[[NDArray[np.uint8]], NDArray[np.float16]]


def encode_each(
    encode: EncodeImages, images: Mapping[str, NDArray[np.uint8]]
) -> dict[str, NDArray[np.float16]]:
    """Return camera → features of one picture each; those of one size go through together.

    Args:
        encode: as an `Encoder` is called.
        images: camera → (H, W, 3) uint8 RGB; sizes may differ.
    """
    alike: dict[tuple[int, ...], list[str]] = {}
    for name, image in images.items():
        alike.setdefault(image.shape, []).append(name)
    features: dict[str, NDArray[np.float16]] = {}
    for names in alike.values():
        encoded = encode(np.stack([images[name] for name in names]))
        features |= zip(names, encoded, strict=True)
    return {name: features[name] for name in images}


class Encoder(ABC):
    """A frozen network that turns pictures into spatial features.

    Args:
        weights: file with the weights, or None for the ones that come from the package index.
    """

    image_size: ClassVar[tuple[int, int]] = (128, 128)  # width, height in px
    feature_shape: ClassVar[tuple[int, int, int]]  # rows, columns, channels

    @abstractmethod
    def __init__(self, weights: Path | None = None) -> None: ...

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Short hash of architecture, layer and weights: features compare only when it agrees."""

    @abstractmethod
    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Encode (N, H, W, 3) uint8 RGB into (N, *feature_shape) float16; any N, jitted per N.

        Pictures of another size than `image_size` are fitted into it, their shapes kept.
        """

    def encode_many(self, images: NDArray[np.uint8], batch: int = 8) -> NDArray[np.float16]:
        """Encode a data set in equal batches, so that one shape is compiled.

        Eight pictures at a time stay in a CPU's cache: larger batches are slower per picture.

        Args:
            images: (N, H, W, 3) uint8 RGB; anything sliceable, e.g. an HDF5 data set.
            batch: pictures per call; the last call is filled up with copies.

        Returns:
            (N, *feature_shape) float16.
        """
        features = np.empty((len(images), *self.feature_shape), np.float16)
        for start in range(0, len(images), batch):
            part = np.asarray(images[start : start + batch])
            filled = np.concatenate([part, np.repeat(part[-1:], batch - len(part), axis=0)])
            features[start : start + len(part)] = self(filled)[: len(part)]
        return features

    def fit(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return (N, H, W, 3) uint8 RGB pictures at the size this encoder takes.

        Raises:
            ValueError: they are something else.
        """
        if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
            raise ValueError(f"want (N, H, W, 3) uint8, got {images.shape} {images.dtype}")
        if images.shape[2:0:-1] == self.image_size:
            return images
        fitted = [letterboxed(image, self.image_size) for image in images]
        return np.asarray(fitted, np.uint8).reshape(-1, *self.image_size[::-1], 3)
