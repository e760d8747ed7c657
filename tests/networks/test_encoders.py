"""Encoders: the right numbers, from trusted weights only; `tests/contract` has the rest."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import cv2
import jax
import numpy as np
import pytest

from hilctl.errors import DataError
from hilctl.networks.encoders import ENCODERS
from hilctl.networks.encoders.efficientnet_lite0 import (
    EfficientNetLite0,
    depthwise,
    fold,
    forward,
    packaged_weights,
)
from hilctl.networks.encoders.resnet10 import ResNet10, parameter_shapes
from hilctl.networks.weights import parse_torch

CAT = Path(__file__).parent / "cat.jpg"  # "Chelsea" by Stéfan van der Walt, CC0
IMAGENET_CATS = range(281, 286)


@pytest.fixture(scope="module")
def lite() -> EfficientNetLite0:
    return EfficientNetLite0()


@pytest.fixture(scope="module")
def authors_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "resnet10_params.pkl"
    path.write_bytes(pickle.dumps(random_tree(parameter_shapes())))
    return path


def random_tree(shapes: dict[str, Any], seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        name: random_tree(shape, seed + index)
        if isinstance(shape, dict)
        else rng.normal(0, 0.1, shape).astype(np.float32)
        for index, (name, shape) in enumerate(shapes.items())
    }


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 128, 128, 3), np.uint8)


def test_whole_network_recognises_a_cat() -> None:
    path = packaged_weights()
    tensors = parse_torch(path.read_bytes(), where=str(path))
    picture = cv2.imread(str(CAT))[None, ..., ::-1]
    body = np.asarray(jax.jit(forward)(fold(tensors, where="", blocks=16), picture))
    scale = tensors["_bn1.weight"] / np.sqrt(tensors["_bn1.running_var"] + 1e-3)
    head = body @ tensors["_conv_head.weight"][:, :, 0, 0].T
    head = np.clip((head - tensors["_bn1.running_mean"]) * scale + tensors["_bn1.bias"], 0, 6)
    scores = head.mean((1, 2)) @ tensors["_fc.weight"].T + tensors["_fc.bias"]
    assert int(scores.argmax()) in IMAGENET_CATS


@pytest.mark.parametrize(("size", "stride", "side"), [(3, 1, 8), (3, 2, 16), (5, 1, 9), (5, 2, 15)])
def test_depthwise_agrees_with_grouped_convolution(size: int, stride: int, side: int) -> None:
    rng = np.random.default_rng(size)
    x = rng.normal(size=(2, side, side, 6)).astype(np.float32)
    kernel = rng.normal(size=(size, size, 6)).astype(np.float32)
    want = jax.lax.conv_general_dilated(
        x,
        kernel[:, :, None],
        (stride, stride),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=6,
    )
    np.testing.assert_allclose(depthwise(x, kernel, stride), want, atol=1e-5)


def test_pictures_of_other_sizes_are_resized(lite: EfficientNetLite0) -> None:
    whole = pictures(1)
    larger = whole.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_array_equal(lite(larger), lite(whole))
    assert lite(whole[:, ::2, ::3]).shape == (1, *lite.feature_shape)


def test_what_is_no_picture_is_refused(lite: EfficientNetLite0) -> None:
    with pytest.raises(ValueError, match="H, W, 3"):
        lite(np.zeros((1, 128, 128), np.uint8))
    with pytest.raises(ValueError, match="float"):
        lite(np.zeros((1, 128, 128, 3), np.float32))  # type: ignore[arg-type]


def test_altered_package_weights_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    altered = tmp_path / "altered.pth"
    altered.write_bytes(packaged_weights().read_bytes()[:-1] + b"?")
    monkeypatch.setattr(
        "hilctl.networks.encoders.efficientnet_lite0.packaged_weights", lambda: altered
    )
    with pytest.raises(DataError, match="sha256"):
        EfficientNetLite0()


def test_weights_of_another_network_are_named(authors_file: Path) -> None:
    with pytest.raises(DataError, match=r"not a weights file|not plain arrays"):
        EfficientNetLite0(authors_file)


def test_resnet10_reads_the_authors_format(authors_file: Path) -> None:
    encoder = ResNet10(authors_file)
    features = encoder(pictures(2))
    assert features.shape == (2, 4, 4, 512)
    assert np.isfinite(features).all()
    assert features.std() > 0
    np.testing.assert_array_equal(features, ResNet10(authors_file)(pictures(2)))


def test_resnet10_group_norm_agrees_with_flax(authors_file: Path) -> None:
    flax_norm = pytest.importorskip("flax.linen").GroupNorm(num_groups=4, epsilon=1e-5)
    from hilctl.networks.encoders.resnet10 import _group_norm

    rng = np.random.default_rng(0)
    x = rng.normal(2, 3, (2, 5, 5, 8)).astype(np.float32)
    params = {"scale": rng.normal(size=8), "bias": rng.normal(size=8)}
    params = {name: value.astype(np.float32) for name, value in params.items()}
    want = flax_norm.apply({"params": params}, x)
    np.testing.assert_allclose(_group_norm(params, x), want, atol=1e-4)


def test_resnet10_without_a_file_says_what_to_do() -> None:
    with pytest.raises(DataError) as caught:
        ResNet10()
    assert "--weights" in str(caught.value.hint)
    with pytest.raises(DataError, match="cannot read"):
        ResNet10(Path("/nowhere/resnet10_params.pkl"))


def test_resnet10_names_the_leaf_that_does_not_fit(tmp_path: Path) -> None:
    tree = random_tree(parameter_shapes())
    tree["ResNetBlock_2"]["Conv_1"]["kernel"] = np.zeros((3, 3, 1, 1), np.float32)
    path = tmp_path / "other.pkl"
    path.write_bytes(pickle.dumps(tree))
    with pytest.raises(DataError, match="ResNetBlock_2/Conv_1/kernel"):
        ResNet10(path)
    del tree["ResNetBlock_2"]["Conv_1"]
    path.write_bytes(pickle.dumps(tree))
    with pytest.raises(DataError, match="ResNetBlock_2/Conv_1: missing"):
        ResNet10(path)


def test_fingerprints_tell_encoders_and_weights_apart(
    lite: EfficientNetLite0, authors_file: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.pkl"
    other.write_bytes(pickle.dumps(random_tree(parameter_shapes(), seed=1)))
    prints = {lite.fingerprint, ResNet10(authors_file).fingerprint, ResNet10(other).fingerprint}
    assert len(prints) == 3


def test_both_are_registered() -> None:
    assert ENCODERS.get("efficientnet-lite0") is EfficientNetLite0
    assert ENCODERS.get("resnet10") is ResNet10
