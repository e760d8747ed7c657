"""Files that claim more than they hold, or take far longer to read than they are large."""

from __future__ import annotations

import os
import resource
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from whole_folder import ENCODER, RUN, make_task, write_episode

from hilctl.data.cache import ArrayCache
from hilctl.data.episode import Episode
from hilctl.errors import DataError, HilctlError, TaskFileError
from hilctl.networks.encoders import ENCODERS
from hilctl.pipeline.report.run_report import write_run_report
from hilctl.pipeline.run_folder.resume import find_unfinished, settings_of
from hilctl.pipeline.stages import survey
from hilctl.task.load import load_task
from hilctl.task.workspace import Workspace
from hilctl.training.checkpoints import load_checkpoint

BILLIONS = 3_000_000_000


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def declare(file: Path, rows: int) -> None:
    """Make an episode file declare rows that nobody ever wrote."""
    with h5py.File(file, "r+") as opened:
        group = opened["episode"]
        for name in ("actions", "policy_actions", "human_actions", "intervened", "rewards",
                     "terminated", "truncated", "dones", "probability"):  # fmt: skip
            group[name].resize(rows, axis=0)
        group["stamps_ns"].resize(rows + 1, axis=0)
        for name in group["frame_stamps_ns"]:
            group[f"frame_stamps_ns/{name}"].resize(rows + 1, axis=0)
        for name in group["obs"]:
            group[f"obs/{name}"].resize(rows, axis=0)
        group.attrs["num_samples"] = rows


@pytest.mark.timeout(60)
@pytest.mark.parametrize("rows", [BILLIONS, 900_000])
def test_an_episode_that_declares_more_rows_than_it_holds_is_refused(
    tmp_path: Path, rows: int
) -> None:
    space = make_task(tmp_path / "task")
    file = write_episode(space, space.demos, "demo", 0)
    declare(file, rows)
    before = peak_bytes()
    with pytest.raises(DataError):
        Episode.read(file)
    assert peak_bytes() - before < 200e6


def test_an_episode_without_any_observation_is_refused(tmp_path: Path) -> None:
    space = make_task(tmp_path / "task")
    file = write_episode(space, space.demos, "demo", 0)
    with h5py.File(file, "r+") as opened:
        for part in ("obs", "final_obs"):
            del opened[f"episode/{part}"]
            opened["episode"].create_group(part)
    with pytest.raises(DataError, match="obs is empty"):
        Episode.read(file)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rewards", np.zeros((8, 3))),
        ("intervened", np.full(8, np.nan).reshape(8, 1)),
        ("human_actions", np.zeros((8, 2))),
        ("stamps_ns", np.zeros(9)),
        ("actions", np.zeros(8)),
    ],
)
def test_columns_of_another_shape_or_kind_are_refused(
    tmp_path: Path, name: str, value: np.ndarray
) -> None:
    space = make_task(tmp_path / "task")
    file = write_episode(space, space.demos, "demo", 0)
    with h5py.File(file, "r+") as opened:
        del opened[f"episode/{name}"]
        opened["episode"][name] = value
    with pytest.raises(DataError):
        Episode.read(file)


def bomb(file: Path, *, compression: int, shape: tuple[int, ...], content: bytes) -> None:
    """Write an archive whose only array declares a shape."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"
    padded = header.ljust(117) + "\n"
    array = b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode() + content
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("made from.npy", array)
        archive.writestr("a.npy", array)


@pytest.mark.parametrize(
    ("compression", "shape", "content"),
    [
        (zipfile.ZIP_DEFLATED, (2**28 // 8,), bytes(2**28)),
        (zipfile.ZIP_STORED, (BILLIONS,), b"little"),
        (zipfile.ZIP_STORED, (2**62, 2**62), b"little"),
        (zipfile.ZIP_STORED, (-1,), bytes(800)),
    ],
)
def test_an_archive_that_unpacks_to_more_than_it_is_takes_no_memory(
    space: Workspace, tmp_path: Path, compression: int, shape: tuple[int, ...], content: bytes
) -> None:
    cache = ArrayCache(tmp_path)
    bomb(tmp_path / "one.npz", compression=compression, shape=shape, content=content)
    del content
    before = peak_bytes()
    assert cache.get("one", "encoder a") is None
    folder = space.run(RUN) / "checkpoints"
    weights = next(folder.glob("step_*.npz"))
    weights.write_bytes((tmp_path / "one.npz").read_bytes())
    with pytest.raises(DataError, match="damaged"):
        load_checkpoint(folder, space.spec, encoder_fingerprint=ENCODER)
    assert peak_bytes() - before < 200e6


def test_files_without_an_end_are_refused(space: Workspace, tmp_path: Path) -> None:
    for name in ("manifest.json", "eval.json"):
        os.truncate(space.run(RUN) / name, 2**40)
    os.truncate(next((space.run(RUN) / "checkpoints").glob("*.json")), 2**40)
    survey(space)
    with pytest.raises(HilctlError, match="larger"):
        find_unfinished(space)
    with pytest.raises(HilctlError, match="larger"):
        load_checkpoint(space.run(RUN) / "checkpoints", space.spec, encoder_fingerprint=ENCODER)
    (tmp_path / "weights").touch()
    os.truncate(tmp_path / "weights", 2**43)
    with pytest.raises(DataError, match="cannot read the weights"):
        ENCODERS.get("resnet10")(tmp_path / "weights")


@pytest.mark.timeout(60)  # one problem a key, each shown with its line, took two minutes
@pytest.mark.parametrize("pair", ["a: 1, ", '"é": [], '])
def test_keys_that_come_again_and_again_do_not_cost_ever_more(tmp_path: Path, pair: str) -> None:
    (tmp_path / "task.yaml").write_text("{" + pair * 16_000 + "}\n", "utf-8")
    with pytest.raises(TaskFileError, match="too many nested or repeated values") as caught:
        load_task(tmp_path)
    assert len(str(caught.value)) < 10_000


def test_a_task_file_full_of_mistakes_tells_the_first_ones(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text("".join(f"a{i}: 1\n" for i in range(300)))
    with pytest.raises(TaskFileError, match="problems, the first 50 are") as caught:
        load_task(tmp_path)
    assert len(str(caught.value).splitlines()) < 500


@pytest.mark.parametrize("number", ["9" * 400, "-" + "9" * 400, "1e400", "0x" + "f" * 400])
def test_numbers_of_hundreds_of_digits_are_refused_in_a_task_file(
    tmp_path: Path, number: str
) -> None:
    space = make_task(tmp_path / "task")
    text = space.task_file.read_text("utf-8")
    for old in ("size: [128, 128]", "batch: 64", "demos: 2", "rate_hz: 10"):
        if old not in text:
            continue
        name = old.split(":")[0]
        value = f"{name}: {number}" if "[" not in old else f"{name}: [{number}, 128]"
        space.task_file.write_text(text.replace(old, value, 1), "utf-8")
        with pytest.raises(TaskFileError):
            load_task(space.root)


@pytest.mark.parametrize("name", ["manifest.json", "eval.json", "metrics.jsonl"])
def test_numbers_of_hundreds_of_digits_are_survived_in_a_run(space: Workspace, name: str) -> None:
    file = space.run(RUN) / name
    text = file.read_text("utf-8")
    for old in (' "seed": 3', '"robot_s": 0.0', '"robot_steps": 24', '"median_time_s": 1'):
        file.write_text(text.replace(old, old.split(":")[0] + ": " + "9" * 400), "utf-8")
        survey(space)
        for read in (lambda: settings_of(space, RUN), lambda: write_run_report(space.run(RUN))):
            try:
                read()
            except HilctlError:
                continue
