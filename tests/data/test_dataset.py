"""Folders of episodes: one task only, and an index that other programs can open."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from episode_samples import ATTRIBUTES, IDENTITY, make_steps, write_episode
from hypothesis import given
from hypothesis import strategies as st

from hilctl.data.dataset import Dataset
from hilctl.data.index import ensure_index, rebuild_index, split_by_episode
from hilctl.data.step import Outcome
from hilctl.errors import DataError
from hilctl.task.fingerprint import fingerprint

FINGERPRINT = ATTRIBUTES["task_fingerprint"]
LENGTHS = [4, 7, 11]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "demos"
    for seed, length in enumerate(LENGTHS):
        outcome = Outcome.FAILURE if seed == 1 else Outcome.SUCCESS
        write_episode(folder, make_steps(length, seed=seed), outcome=outcome)
    return folder


def test_a_folder_gives_its_episodes_in_order(folder: Path) -> None:
    dataset = Dataset.open(folder, expect_fingerprint=FINGERPRINT)
    assert [path.name for path in dataset.paths] == [f"episode_{i:06d}.hdf5" for i in (1, 2, 3)]
    assert [len(episode) for episode in dataset.episodes()] == LENGTHS
    good = dataset.episodes(lambda header: header.outcome is Outcome.SUCCESS)
    assert [len(episode) for episode in good] == [4, 11]
    assert len(dataset) == 3
    assert dataset.summary() == {Outcome.SUCCESS: 2, Outcome.FAILURE: 1, Outcome.ABORTED: 0}


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "demos", expect_fingerprint=FINGERPRINT)
    assert len(dataset) == 0
    assert list(dataset.episodes()) == []


def test_episodes_of_another_task_are_refused_and_the_difference_is_named(folder: Path) -> None:
    other = {**IDENTITY, "cameras": {"wrist": {"size": [32, 24]}}}
    path = write_episode(
        folder, make_steps(3), task_identity=other, task_fingerprint=fingerprint(other)
    )
    with pytest.raises(DataError, match="another task") as caught:
        Dataset.open(folder, expect_fingerprint=FINGERPRINT, expect_identity=IDENTITY)
    assert caught.value.where == str(path)
    assert "cameras.wrist.size: 16×12 here, 32×24 there" in caught.value.message
    assert caught.value.hint
    assert len(Dataset.open(folder, expect_fingerprint=None)) == 4


def test_several_foreign_files_are_counted(folder: Path) -> None:
    with pytest.raises(DataError, match="2 more"):
        Dataset.open(folder, expect_fingerprint="0" * 12)


def test_one_bad_file_is_named(folder: Path) -> None:
    bad = folder / "episode_000002.hdf5"
    os.truncate(bad, 5000)
    for read in (
        lambda: Dataset.open(folder, expect_fingerprint=None),
        lambda: rebuild_index(folder),
    ):
        with pytest.raises(DataError) as caught:
            read()
        assert caught.value.where == str(bad)


def walk(index: Path) -> None:
    """Read an index as robomimic does, knowing nothing of this package."""
    with h5py.File(index, "r") as file:
        demos = sorted(file["data"].keys(), key=lambda name: int(name[5:]))
        assert demos == ["demo_0", "demo_1", "demo_2"]
        assert file["data"].attrs["total"] == sum(LENGTHS)
        environment = json.loads(file["data"].attrs["env_args"])
        assert environment.keys() == {"env_name", "type", "env_kwargs"}
        for demo, length in zip(demos, LENGTHS, strict=True):
            group = file[f"data/{demo}"]
            assert group.attrs["num_samples"] == length
            assert group["actions"].shape == (length, 6)
            assert group["rewards"].shape == group["dones"].shape == (length,)
            for key in ("wrist", "side", "tcp_pose", "gripper"):
                now, after = group[f"obs/{key}"][()], group[f"next_obs/{key}"][()]
                assert now.shape == after.shape
                np.testing.assert_array_equal(after[:-1], now[1:])
            assert group["dones"][-1]
        train = [name.decode("utf-8") for name in file["mask/train"]]
        valid = [name.decode("utf-8") for name in file["mask/valid"]]
        assert sorted(train + valid) == demos
        assert len(valid) == 1


def test_the_index_is_a_robomimic_data_set_wherever_it_moves(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk(rebuild_index(folder))
    moved = folder.parent / "elsewhere" / "data"
    moved.parent.mkdir()
    shutil.move(folder, moved)
    walk(moved / "index.hdf5")
    monkeypatch.chdir("/")
    walk(moved / "index.hdf5")


def test_the_index_is_rebuilt_only_when_it_has_to_be(folder: Path) -> None:
    def episodes() -> int:
        with h5py.File(ensure_index(folder)) as file:
            return len(file["data"])

    assert episodes() == 3
    written = (folder / "index.hdf5").stat().st_mtime_ns
    assert episodes() == 3
    assert (folder / "index.hdf5").stat().st_mtime_ns == written
    write_episode(folder, make_steps(3))
    assert episodes() == 4
    (folder / "episode_000001.hdf5").unlink()
    assert episodes() == 3
    (folder / "index.hdf5").write_bytes(b"rubbish")
    assert episodes() == 3
    assert not list(folder.glob(".*"))


def test_an_empty_folder_has_an_empty_index(tmp_path: Path) -> None:
    with h5py.File(rebuild_index(tmp_path)) as file:
        assert len(file["data"]) == len(file["mask/train"]) == len(file["mask/valid"]) == 0


@given(st.sets(st.integers(0, 999_999), max_size=60))
def test_the_split_is_by_episode_and_repeatable(numbers: set[int]) -> None:
    names = [f"episode_{number:06d}.hdf5" for number in sorted(numbers)]
    train, valid = split_by_episode(names)
    assert sorted(train + valid) == names
    assert (train, valid) == split_by_episode(names)
    if len(names) >= 2:
        assert len(valid) == max(1, round(len(names) / 10))
    else:
        assert not valid
