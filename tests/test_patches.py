"""Patterns fall apart into rectangles and nothing else."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hilctl.patches import patches


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=6))
@settings(max_examples=60)
def test_patches_cover_ink_exactly_once(rows: list[list[bool]]) -> None:
    ink = np.array(rows)
    covered = np.zeros(ink.shape, int)
    for low, high in patches(ink):
        (x0, y0), (x1, y1) = low.astype(int), high.astype(int)
        covered[y0:y1, x0:x1] += 1
    np.testing.assert_array_equal(covered, ink.astype(int))
