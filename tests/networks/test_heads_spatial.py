"""Learned sums over the positions of a feature map."""

from __future__ import annotations

import jax
import numpy as np

from hilctl.networks.heads import ObservationHead, SpatialEmbedding
from hilctl.networks.perception import Perception


def test_each_channel_is_summed_by_weights_of_its_own() -> None:
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(3, 4, 5, 6)).astype(np.float32)
    network = SpatialEmbedding(sums=8)
    drawn = jax.eval_shape(network.init, jax.random.key(0), maps[0])  # compiles nothing
    weights = rng.normal(size=drawn["params"]["weights"].shape).astype(np.float32)
    out = np.asarray(network.apply({"params": {"weights": weights}}, maps))
    assert out.shape == (3, 6, 8)
    by_hand = (maps[1, :, :, 2, None] * weights[:, :, 2]).sum(axis=(0, 1))
    np.testing.assert_allclose(out[1, 2], by_hand, rtol=1e-4, atol=1e-5)


def test_a_spatial_head_has_eight_sums_a_channel_and_a_bottleneck_of_256() -> None:
    seen = {"wrist": np.zeros((2, 2, 7), np.float16), "state": np.zeros(3, np.float32)}
    head = ObservationHead(("wrist",), "spatial")
    params = jax.eval_shape(head.init, jax.random.key(0), seen)["params"]
    assert params["camera_wrist"]["kernel"].shape == (7 * 8, 256)
    assert jax.eval_shape(head.apply, {"params": params}, seen).shape == (256 + 64,)


def test_without_components_all_channels_are_stored_as_they_are() -> None:
    features = np.random.default_rng(0).normal(size=(5, 2, 2, 7)).astype(np.float16)
    states = {"gripper": np.zeros((5, 1), np.float32)}
    perception = Perception.fit(
        {"wrist": features}, [states], keys=["gripper"], relative=False, channels=None
    )
    np.testing.assert_array_equal(perception({"wrist": features}, states)["wrist"], features)
    assert perception.example((2, 2))["wrist"].shape == (2, 2, 7)
