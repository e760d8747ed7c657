"""The projection: whitens, keeps directions apart, and is the same every time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilctl.errors import DataError
from hilctl.networks.projection import Projection, fit_projection


def features(frames: int = 40, width: int = 12, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    # no direction so weak that whitening leaves it as it is
    mix = np.linalg.qr(rng.normal(size=(width, width)))[0] * np.linspace(1, 3, width)[:, None]
    return (rng.normal(size=(frames, 8, 8, width)) @ mix + 3).astype(np.float16)


@given(seed=st.integers(0, 99), channels=st.integers(1, 12))
@settings(max_examples=20, deadline=None)
def test_output_is_white_and_components_orthogonal(seed: int, channels: int) -> None:
    data = features(seed=seed)
    projection = fit_projection(data, channels)
    white = projection.apply(data).reshape(-1, channels).astype(np.float64)
    np.testing.assert_allclose(white.mean(axis=0), 0, atol=0.01)
    np.testing.assert_allclose(white.T @ white / len(white), np.eye(channels), atol=0.02)
    unit = projection.matrix / np.linalg.norm(projection.matrix, axis=0)
    np.testing.assert_allclose(unit.T @ unit, np.eye(channels), atol=1e-4)


def test_order_of_frames_and_repetition_change_nothing() -> None:
    data = features()
    first, again = fit_projection(data), fit_projection(data[::-1])
    np.testing.assert_allclose(first.matrix, again.matrix, atol=1e-4)
    np.testing.assert_array_equal(first.matrix, fit_projection(data).matrix)


def test_shape_and_type_of_any_leading_axes() -> None:
    projection = fit_projection(features())
    assert projection.apply(features(1)[0]).shape == (8, 8, 8)
    reduced = projection.apply(features(6).reshape(2, 3, 8, 8, 12))
    assert reduced.shape == (2, 3, 8, 8, 8)
    assert reduced.dtype == np.float16


def test_dead_channels_are_not_blown_up() -> None:
    data = features()
    data[..., 4:] = 1
    assert np.isfinite(fit_projection(data).apply(data)).all()
    assert np.isfinite(fit_projection(np.zeros_like(data)).apply(data)).all()


def test_arrays_round_trip() -> None:
    projection = fit_projection(features())
    again = Projection.from_arrays(projection.arrays())
    np.testing.assert_array_equal(again.apply(features(2)), projection.apply(features(2)))


def test_features_of_another_encoder_are_refused() -> None:
    with pytest.raises(DataError, match="different encoders"):
        fit_projection(features()).apply(np.zeros((8, 8, 9)))
    with pytest.raises(ValueError, match="components"):
        fit_projection(features(), channels=99)
