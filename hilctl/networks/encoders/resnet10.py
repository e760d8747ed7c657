"""The HIL-SERL authors' frozen ResNet-10, from the weights file that they publish.

Architecture: He et al. 2015 (arXiv 1512.03385) with one basic block a stage and group norm, as in
the reference code of Luo et al. 2024 (arXiv 2410.21845); features before any pooling.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from hilctl.errors import DataError
from hilctl.networks.encoders.base import Encoder
from hilctl.networks.weights import Tree, parse_arrays, read_bytes

WIDTHS = (64, 128, 256, 512)
GROUPS = 4
EPS = 1e-5
MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # of ImageNet's RGB, in [0, 1]
STD = np.array([0.229, 0.224, 0.225], np.float32)


class ResNet10(Encoder):
    """Encode pictures with the ResNet-10 of the HIL-SERL authors.

    Args:
        weights: their `resnet10_params.pkl`; it is read without running what is inside it.

    Raises:
        DataError: no file given, or it is unreadable or holds another network.
    """

    feature_shape: ClassVar[tuple[int, int, int]] = (4, 4, 512)

    def __init__(self, weights: Path | None = None) -> None:
        if weights is None:
            raise DataError(
                "the ResNet-10 encoder needs the HIL-SERL authors' weights file",
                hint="give resnet10_params.pkl with --weights FILE, or use efficientnet-lite0",
            )
        content = read_bytes(weights)
        tree = parse_arrays(content, where=str(weights))
        self._params = jax.device_put(select(tree, parameter_shapes(), where=str(weights)))
        self._fingerprint = hashlib.sha256(b"resnet10 " + content).hexdigest()[:16]

    @classmethod
    def untrained(cls, rng: np.random.Generator) -> Self:
        """Return one with random weights: as fast as the real one, and good for nothing else."""
        encoder = cls.__new__(cls)
        encoder._params = jax.device_put(_drawn(parameter_shapes(), rng))
        encoder._fingerprint = "untrained"
        return encoder

    @property
    def fingerprint(self) -> str:
        """Short hash of architecture, layer and weights."""
        return self._fingerprint

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Encode (N, 128, 128, 3) uint8 RGB into (N, 4, 4, 512) float16."""
        return np.asarray(_encode(self._params, self.fit(images)))


def parameter_shapes() -> Tree:
    """Return the shape of each parameter, in the tree of the authors' file."""
    shapes: Tree = {"conv_init": {"kernel": (7, 7, 3, 64)}, "norm_init": _norm_shapes(64)}
    width_in = WIDTHS[0]
    for index, width in enumerate(WIDTHS):
        block: Tree = {
            "Conv_0": {"kernel": (3, 3, width_in, width)},
            "MyGroupNorm_0": _norm_shapes(width),
            "Conv_1": {"kernel": (3, 3, width, width)},
            "MyGroupNorm_1": _norm_shapes(width),
        }
        if width != width_in:
            block["conv_proj"] = {"kernel": (1, 1, width_in, width)}
            block["norm_proj"] = _norm_shapes(width)
        shapes[f"ResNetBlock_{index}"] = block
        width_in = width
    return shapes


def _norm_shapes(width: int) -> Tree:
    return {"scale": (width,), "bias": (width,)}


def _drawn(shapes: Tree, rng: np.random.Generator) -> Tree:
    return {
        name: _drawn(shape, rng)
        if isinstance(shape, dict)
        else 0.05 * rng.standard_normal(shape, np.float32)
        for name, shape in shapes.items()
    }


def select(tree: Tree, shapes: Tree, *, where: str, path: str = "") -> Tree:
    """Return the leaves of `tree` that `shapes` names, as float32.

    Raises:
        DataError: a leaf is missing or has another shape; names it.
    """
    selected: Tree = {}
    for name, want in shapes.items():
        found: Any = tree.get(name)
        here = f"{path}/{name}" if path else name
        if isinstance(want, dict) and isinstance(found, dict):
            selected[name] = select(found, want, where=where, path=here)
        elif isinstance(want, tuple) and getattr(found, "shape", None) == want:
            selected[name] = found.astype(np.float32)
        else:
            got = "missing" if found is None else getattr(found, "shape", "a folder")
            raise DataError(
                f"the weights do not fit ResNet-10 at {here}: {got}, want {want}",
                where=where,
                hint="give the resnet10_params.pkl that the HIL-SERL authors publish",
            )
    return selected


@jax.jit
def _encode(params: Tree, images: jax.Array) -> jax.Array:
    x = (images.astype(jnp.float32) / 255 - MEAN) / STD
    x = _convolve(params["conv_init"], x, 2, padding=[(3, 3), (3, 3)])
    x = jax.nn.relu(_group_norm(params["norm_init"], x))
    x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME")
    for index in range(len(WIDTHS)):
        x = _block(params[f"ResNetBlock_{index}"], x, stride=1 if index == 0 else 2)
    return x.astype(jnp.float16)


def _block(params: Tree, x: jax.Array, stride: int) -> jax.Array:
    y = _convolve(params["Conv_0"], x, stride)
    y = jax.nn.relu(_group_norm(params["MyGroupNorm_0"], y))
    y = _group_norm(params["MyGroupNorm_1"], _convolve(params["Conv_1"], y, 1))
    if "conv_proj" in params:
        x = _group_norm(params["norm_proj"], _convolve(params["conv_proj"], x, stride))
    return jax.nn.relu(x + y)


def _convolve(params: Tree, x: jax.Array, stride: int, padding: Any = "SAME") -> jax.Array:
    return jax.lax.conv_general_dilated(
        x, params["kernel"], (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _group_norm(params: Tree, x: jax.Array) -> jax.Array:
    grouped = x.reshape(*x.shape[:3], GROUPS, -1)
    mean = grouped.mean((1, 2, 4), keepdims=True)
    variance = grouped.var((1, 2, 4), keepdims=True)
    normal = ((grouped - mean) / jnp.sqrt(variance + EPS)).reshape(x.shape)
    return normal * params["scale"] + params["bias"]
