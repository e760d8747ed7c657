"""What every encoder promises."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from hilctl.networks.encoders import ENCODERS
from hilctl.networks.encoders.base import Encoder


def noise(count: int) -> NDArray[np.uint8]:
    """Return (count, 128, 128, 3) pictures of nothing, always the same."""
    return np.random.default_rng(0).integers(0, 256, (count, 128, 128, 3), np.uint8)


class EncoderContract:
    """Tests of an encoder.

    Attributes:
        type: as a task file names it.
        weights: file to open it with; None = its own.
    """

    type: ClassVar[str]
    weights: ClassVar[Path | None] = None

    def open(self) -> Encoder:
        """Return the encoder with its weights."""
        return ENCODERS.get(self.type)(self.weights)

    @pytest.fixture
    def encoder(self) -> Encoder:
        """The encoder."""
        return self.open()

    def test_features_are_spatial_float16_finite_and_repeatable(self, encoder: Encoder) -> None:
        features = encoder(noise(2))
        assert features.shape == (2, *encoder.feature_shape)
        assert features.dtype == np.float16
        assert np.isfinite(features).all()
        np.testing.assert_array_equal(features, encoder(noise(2)))

    def test_features_tell_pictures_apart(self, encoder: Encoder) -> None:
        one, other = encoder(noise(2))
        assert (one != other).any()

    def test_features_do_not_depend_on_the_batch(self, encoder: Encoder) -> None:
        many, pair = encoder.encode_many(noise(11))[9:], encoder(noise(11)[9:])
        scale = float(np.abs(pair.astype(float)).max())
        np.testing.assert_allclose(many.astype(float), pair.astype(float), atol=0.01 * scale)

    def test_nothing_to_encode_is_no_error(self, encoder: Encoder) -> None:
        assert encoder.encode_many(noise(0)).shape == (0, *encoder.feature_shape)

    def test_pictures_of_other_sizes_are_fitted(self, encoder: Encoder) -> None:
        for picture in (noise(1)[:, ::2, ::3], noise(1).repeat(2, axis=1)):
            assert encoder(picture).shape == (1, *encoder.feature_shape)

    def test_what_is_no_picture_is_refused(self, encoder: Encoder) -> None:
        for wrong in (np.zeros((1, 128, 128), np.uint8), np.zeros((1, 128, 128, 3), np.float32)):
            with pytest.raises(ValueError, match=r"."):
                encoder(wrong)  # type: ignore[arg-type]

    def test_a_fingerprint_is_short_and_stays_the_same(self, encoder: Encoder) -> None:
        assert 0 < len(encoder.fingerprint) <= 64
        assert self.open().fingerprint == encoder.fingerprint
