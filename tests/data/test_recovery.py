"""Kills, full disks and unfinished files: what was committed stays, what was not is named."""

from __future__ import annotations

import errno
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from episode_samples import ATTRIBUTES, make_steps, write_episode

from hilctl.data import disk
from hilctl.data.dataset import Dataset
from hilctl.data.episode import Episode
from hilctl.data.index import ensure_index
from hilctl.data.recovery import RecoveredFile, recover_partials
from hilctl.data.step import Outcome
from hilctl.data.writer import EpisodeWriter
from hilctl.errors import DataError

HERE = Path(__file__).parent


def start(script: str, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a script of this folder on an episode folder."""
    environment = {**os.environ, "PYTHONPATH": f"{HERE.parents[1]}:{HERE}"}
    command = [sys.executable, str(HERE / script), str(folder), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def partials(folder: Path) -> list[Path]:
    return list(folder.rglob("*.partial"))


def kill_at_random(folder: Path, rng: np.random.Generator) -> list[str]:
    """Record, kill -9 at a random moment, and return what had been committed by then."""
    with start("endless_recording.py", folder) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(rng.uniform(0, 0.25))
        process.send_signal(signal.SIGKILL)
        return [line.strip() for line in [first, *process.stdout] if line.endswith("\n")]


def check_kills(folder: Path, times: int) -> None:
    rng = np.random.default_rng(0)
    committed: list[str] = []
    for _ in range(times):
        committed += kill_at_random(folder, rng)
        left = partials(folder)
        recovered = recover_partials(folder)
        assert [item.partial for item in recovered] == left
        assert not partials(folder)
        for item in recovered:
            if item.path is not None and item.path.suffix == ".hdf5":
                episode = Episode.read(item.path)
                assert episode.header.outcome is Outcome.ABORTED
                assert len(episode) == item.steps >= 1
        whole = Dataset.open(folder, expect_fingerprint=ATTRIBUTES["task_fingerprint"])
        assert {path.name for path in whole.paths} >= set(committed)
        assert all(len(episode) == 25 for episode in whole.episodes())
        with h5py.File(ensure_index(folder)) as index:
            assert len(index["data"]) == len(whole)
    assert len(committed) == len(set(committed)) >= times


def test_kills_lose_no_committed_episode_and_the_next_run_goes_on(tmp_path: Path) -> None:
    check_kills(tmp_path, 5)


@pytest.mark.slow
def test_many_kills_lose_no_committed_episode(tmp_path: Path) -> None:
    check_kills(tmp_path, 20)


def unfinished(folder: Path, count: int) -> Path:
    """Leave an episode of `count` steps behind as a kill would."""
    with EpisodeWriter(folder, kind="demo", attributes=ATTRIBUTES) as writer:
        for step in make_steps(count):
            writer.on_step(step)
        (partial,) = partials(folder)
        copy = folder / "copy"
        shutil.copy(partial, copy)
    copy.rename(partial)
    return partial


def test_an_unfinished_episode_is_kept_apart_as_aborted(tmp_path: Path) -> None:
    partial = unfinished(tmp_path, 25)
    (item,) = recover_partials(tmp_path)
    assert item == RecoveredFile(partial, tmp_path / "recovered" / "episode_000001.hdf5", 19)
    assert item.path is not None
    episode, steps = Episode.read(item.path), make_steps(25)
    assert episode.header.outcome is Outcome.ABORTED
    assert episode.header.task_identity == ATTRIBUTES["task_identity"]
    np.testing.assert_array_equal(episode.actions, [s.executed_action for s in steps[:19]])
    np.testing.assert_array_equal(
        episode.images("wrist"), [s.observation.images["wrist"] for s in steps[:20]]
    )
    assert not len(Dataset.open(tmp_path, expect_fingerprint=None))
    assert write_episode(tmp_path, make_steps(3)).name == "episode_000002.hdf5"


def test_an_empty_unfinished_episode_is_removed_and_named(tmp_path: Path) -> None:
    partial = unfinished(tmp_path, 9)  # fewer than are flushed
    assert recover_partials(tmp_path) == [RecoveredFile(partial, None, 0)]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [0, 10, 3000])
def test_an_unreadable_unfinished_episode_is_put_aside_and_named(tmp_path: Path, size: int) -> None:
    partial = unfinished(tmp_path, 25)
    os.truncate(partial, size)
    broken = tmp_path / "episode_000001.hdf5.broken"
    assert recover_partials(tmp_path) == [RecoveredFile(partial, broken, 0)]
    assert recover_partials(tmp_path) == []
    assert write_episode(tmp_path, make_steps(3)).name == "episode_000002.hdf5"


def test_a_kill_during_recovery_is_recovered_from(tmp_path: Path) -> None:
    partial = unfinished(tmp_path, 25)
    (tmp_path / "recovered").mkdir()
    shutil.copy(partial, tmp_path / "recovered" / partial.name)
    (item,) = recover_partials(tmp_path)
    assert item.steps == 19
    assert not partials(tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def check_full(folder: Path, output: str) -> None:
    """Check that all committed episodes are whole and nothing else is left."""
    *committed, last = output.splitlines()
    assert last.startswith("error: ")
    whole = Dataset.open(folder, expect_fingerprint=None)
    assert {path.name for path in whole.paths} >= set(committed)
    assert len(committed) >= 2
    assert [len(episode) for episode in whole.episodes()] == [
        5 + 7 * i for i in range(len(whole.paths))
    ]
    names = {path.name for path in folder.iterdir()}
    assert names == {path.name for path in whole.paths} | {"index.hdf5"}


def test_a_full_disk_harms_no_committed_episode(small_disk: Path) -> None:
    with start("full_disk.py", small_disk / "demos") as process:
        output, _ = process.communicate()
    assert process.returncode == 0
    assert "the disk is full" in output
    check_full(small_disk / "demos", output)


def test_a_file_size_limit_harms_no_committed_episode(tmp_path: Path) -> None:
    with start("full_disk.py", tmp_path / "demos", "400000") as process:
        output, _ = process.communicate()
    assert process.returncode == 0
    check_full(tmp_path / "demos", output)


@pytest.mark.parametrize("fraction", [0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99, 0.999])
def test_whenever_the_disk_fails_the_error_is_in_words(
    tmp_path: Path, fraction: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = make_steps(30, size=(32, 32))
    needed = write_episode(tmp_path / "large", steps).stat().st_size

    class SmallFile(io.FileIO):
        def write(self, data: Any, /) -> int:
            if self.tell() + len(data) > fraction * needed:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    monkeypatch.setattr(disk, "FileIO", SmallFile)
    with pytest.raises(DataError, match="disk is full") as caught:
        write_episode(tmp_path / "small", steps)
    assert caught.value.hint
    assert not list((tmp_path / "small").iterdir())
