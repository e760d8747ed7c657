"""Every encoder of the registry keeps its contract."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilctl.networks.encoders import ENCODERS
from hilctl.networks.encoders.resnet10 import parameter_shapes
from hilctl.testing import EncoderContract


def random_tree(shapes: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    return {
        name: random_tree(shape, rng)
        if isinstance(shape, dict)
        else rng.normal(0, 0.1, shape).astype(np.float32)
        for name, shape in shapes.items()
    }


@pytest.fixture(scope="module")
def authors_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "resnet10_params.pkl"
    tree = random_tree(parameter_shapes(), np.random.default_rng(0))
    path.write_bytes(pickle.dumps(tree))
    return path


class TestEfficientNetLite0(EncoderContract):
    type = "efficientnet-lite0"


class TestResNet10(EncoderContract):
    type = "resnet10"

    @pytest.fixture(autouse=True)
    def from_a_file(self, authors_file: Path) -> None:
        self.weights = authors_file


def test_every_registered_encoder_is_tested() -> None:
    assert ENCODERS.names() == sorted([TestEfficientNetLite0.type, TestResNet10.type])
