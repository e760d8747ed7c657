"""Comparisons at the same time do not crowd on one core."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilctl.pipeline.bench.cores import held_cores

HOLDER = """
import sys
from pathlib import Path
from hilctl.pipeline.bench.cores import held_cores
with held_cores([3, 5, 7], 1, folder=Path(sys.argv[1])) as cores:
    print(*cores, flush=True)
    sys.stdin.read()
"""


def test_cores_that_others_hold_are_left_to_them_until_they_are_done(tmp_path: Path) -> None:
    with held_cores([3, 5, 7], 1, folder=tmp_path) as first:
        with held_cores([3, 5, 7], 2, folder=tmp_path) as second:
            assert (first, second) == ([3], [5, 7])
        with held_cores([3, 5, 7], 1, folder=tmp_path) as third:
            assert third == [5]
    with held_cores([3, 5, 7], 3, folder=tmp_path) as all_of_them:
        assert all_of_them == [3, 5, 7]


def test_a_core_is_free_again_when_its_holder_is_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == "3\n"
    with held_cores([3, 5, 7], 1, folder=tmp_path) as meanwhile:
        assert meanwhile == [5]
    holder.kill()
    holder.wait(10)
    holder.stdin.close()
    holder.stdout.close()
    with held_cores([3, 5, 7], 1, folder=tmp_path) as afterwards:
        assert afterwards == [3]


@given(count=st.integers(1, 9), held=st.integers(0, 4))
def test_there_are_always_as_many_as_were_asked_for_and_no_more_shared_than_need_be(
    tmp_path_factory: pytest.TempPathFactory, count: int, held: int
) -> None:
    folder = tmp_path_factory.mktemp("cores")
    available = [0, 2, 4, 6]
    with (
        held_cores(available, held, folder=folder) as theirs,
        held_cores(available, count, folder=folder) as ours,
    ):
        assert len(ours) == count
        assert set(ours) <= set(available)
        free = [core for core in available if core not in theirs]
        assert ours[: len(free)] == free[:count]


def test_without_a_place_for_locks_cores_are_taken_as_they_come(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with held_cores([1, 2], 1, folder=gone) as first, held_cores([1, 2], 1, folder=gone) as second:
        assert first == second == [1]
