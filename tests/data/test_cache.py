"""Arrays kept in files: given back whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from hilctl.data.cache import ArrayCache

ARRAYS = {"wrist": np.arange(12, dtype=np.float16).reshape(3, 4), "state": np.ones((3, 2), "f4")}


@pytest.fixture
def cache(tmp_path: Path) -> ArrayCache:
    return ArrayCache(tmp_path / "kept")


def test_what_is_kept_comes_back_with_its_type(cache: ArrayCache) -> None:
    cache.keep("one", "encoder a", ARRAYS)
    got = cache.get("one", "encoder a")
    assert got is not None
    assert set(got) == set(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(got[name], array)
        assert got[name].dtype == array.dtype


def test_what_was_made_from_something_else_does_not_come_back(cache: ArrayCache) -> None:
    cache.keep("one", "encoder a", ARRAYS)
    assert cache.get("one", "encoder b") is None
    assert cache.get("two", "encoder a") is None
    cache.keep("one", "encoder b", {"state": np.zeros(2)})
    assert cache.get("one", "encoder a") is None
    assert set(cache.get("one", "encoder b") or {}) == {"state"}


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_file_that_was_cut_off_counts_as_not_there(
    cache: ArrayCache, tmp_path: Path, share: float
) -> None:
    cache.keep("one", "encoder a", ARRAYS)
    (file,) = (tmp_path / "kept").iterdir()
    os.truncate(file, int(share * file.stat().st_size))
    assert cache.get("one", "encoder a") is None
    cache.keep("one", "encoder a", ARRAYS)
    assert cache.get("one", "encoder a") is not None


def test_where_nothing_can_be_kept_nothing_is_and_nobody_suffers(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    cache = ArrayCache(tmp_path / "file" / "kept")
    cache.keep("one", "encoder a", ARRAYS)
    assert cache.get("one", "encoder a") is None
