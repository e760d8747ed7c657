"""One odd byte in a file of a run: what can go on goes on, what cannot says which file it is."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from whole_folder import (
    ENCODER,
    GRID,
    RUN,
    perception,
    summary,
)

from hilctl.data.cache import ArrayCache
from hilctl.data.episode import Episode
from hilctl.errors import DamagedDataError, DataError
from hilctl.networks.encoders.base import Encoder
from hilctl.pipeline.events import silent
from hilctl.pipeline.report.run_report import write_run_report
from hilctl.pipeline.report.run_summary import read_run
from hilctl.pipeline.run_folder.best import best_policy, roll_back
from hilctl.pipeline.run_folder.resume import find_unfinished, progress_so_far
from hilctl.pipeline.run_folder.run import Run
from hilctl.pipeline.stages import survey
from hilctl.pipeline.train.learner.stored import last_checkpoint, stored_episodes
from hilctl.task.workspace import Workspace
from hilctl.training.checkpoints import load_checkpoint


@pytest.fixture
def run(space: Workspace) -> Run:
    return Run(space, space.run(RUN), seed=3)


def odd_byte(file: Path, after: bytes, odd: bytes = b"\xff") -> None:
    """Replace the byte that follows a piece of a file."""
    content = file.read_bytes()
    at = content.index(after) + len(after)
    file.write_bytes(content[:at] + odd + content[at + 1 :])


class Eyes(Encoder):
    """See the mean of each picture: enough to tell episodes apart."""

    feature_shape = (*GRID, 10)
    fingerprint = ENCODER

    def __init__(self, weights: Path | None = None) -> None:
        self.looked = 0

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.looked += len(images)
        means = images.reshape(len(images), -1).mean(axis=1) / 256
        seen = np.broadcast_to(means[:, None, None, None], (len(images), *GRID, 10))
        return seen.astype(np.float16)


def test_replay_does_not_mix_episodes_after_a_file_is_moved_away(
    space: Workspace, run: Run
) -> None:
    sight, eyes = perception(space), Eyes()
    first = list(stored_episodes(run.folder, space.spec, eyes, sight))
    looked = eyes.looked
    again = list(stored_episodes(run.folder, space.spec, eyes, sight))
    assert eyes.looked == looked, "what was seen is kept"
    gone = run.folder / "episodes" / "episode_000001.hdf5"
    gone.rename(f"{gone}.broken")  # as the hint of a damaged file says
    left = list(stored_episodes(run.folder, space.spec, eyes, sight))
    assert len(left) == len(first) - 1 == len(again) - 1
    for before, after in zip(first[1:], left, strict=True):
        np.testing.assert_array_equal(before.trajectory.actions, after.trajectory.actions)
        for name, seen in before.trajectory.observations.items():
            np.testing.assert_array_equal(seen, after.trajectory.observations[name], name)


def test_one_flipped_bit_in_a_cache_makes_it_again_wherever_it_is(tmp_path: Path) -> None:
    cache = ArrayCache(tmp_path)
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.zeros(3, "f2")}
    cache.keep("one", "encoder a", arrays)
    file = tmp_path / "one.npz"
    good = file.read_bytes()
    for bit in range(0, 8 * len(good), 3):  # every byte, and every bit of some
        damaged = bytearray(good)
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        got = cache.get("one", "encoder a")
        assert got is None or all(np.array_equal(got[name], arrays[name]) for name in got)


def test_one_flipped_bit_in_the_weights_of_a_checkpoint_is_damage(space: Workspace) -> None:
    folder = space.run(RUN) / "checkpoints"
    file = next(folder.glob("step_*.npz"))
    good = file.read_bytes()
    rng = np.random.default_rng(0)
    directory = len(good) - 2000  # names and sizes of the arrays are at the end
    places = [*rng.integers(0, len(good), 50), *rng.integers(directory, len(good), 100)]
    for at in places:
        damaged = bytearray(good)
        damaged[at] ^= 1 << int(rng.integers(8))
        file.write_bytes(damaged)
        with contextlib.suppress(DamagedDataError):  # a date in the archive matters to nobody
            load_checkpoint(folder, space.spec, encoder_fingerprint=ENCODER)


@pytest.mark.parametrize("odd", [b"\xff", b"}", b'"', b"\x00", b"9"])
@pytest.mark.parametrize("after", [b'"robot_steps": ', b'{"', b'"outcome": '])
def test_one_odd_byte_in_the_log_costs_one_line(
    space: Workspace, run: Run, odd: bytes, after: bytes
) -> None:
    odd_byte(run.folder / "metrics.jsonl", after, odd)
    _, records = read_run(run.folder)
    assert len(records) >= 2
    assert progress_so_far(run.folder, space.spec).episodes == 3
    page = write_run_report(run.folder).read_text("utf-8")
    assert len(records) == 3 or "damaged lines of metrics.jsonl" in page
    run.on_episode(summary(8), [], silent)
    assert len(read_run(run.folder)[1]) == len(records) + 1


def test_a_line_that_a_kill_cut_off_costs_no_other(run: Run) -> None:
    file = run.folder / "metrics.jsonl"
    file.write_bytes(file.read_bytes()[:-100])
    run.begin()
    run.on_episode(summary(8), [], silent)
    assert len(read_run(run.folder)[1]) == 3


def test_lines_that_are_json_and_no_record_are_left_out(space: Workspace, run: Run) -> None:
    file = run.folder / "metrics.jsonl"
    odd = [b"3", b"[]", b"{}", b"null", b'{"robot_steps": "x"}', b"[" * 5000, b"\xef\xbb\xbf{}"]
    file.write_bytes(b"\n".join([*odd, *file.read_bytes().splitlines(), *odd]))
    assert len(read_run(run.folder)[1]) == 3
    assert progress_so_far(run.folder, space.spec).episodes == 3
    write_run_report(run.folder)


@pytest.mark.parametrize("content", [b"\xff", b"{", b"[]", b'{"episodes": "many"}', b""])
def test_a_damaged_evaluation_costs_its_table_and_not_the_page(run: Run, content: bytes) -> None:
    (run.folder / "eval.json").write_bytes(content)
    page = write_run_report(run.folder).read_text("utf-8")
    assert "eval.json is damaged" in page
    assert "Learning" in page


@pytest.mark.parametrize("content", [b"\xff", b"{", b"[]", b'{"robot_steps": 1}', b""])
def test_a_damaged_best_is_replaced_by_training_and_named_by_going_back(
    run: Run, content: bytes
) -> None:
    folder = run.folder / "checkpoints"
    next((folder / "best").glob("*.json")).write_bytes(content)
    last = sorted(path.read_bytes() for path in folder.glob("step_*"))
    with pytest.raises(DamagedDataError):  # the next one that is good takes its place
        best_policy(run.folder)
    with pytest.raises(DataError, match="damaged"):
        roll_back(run)
    assert sorted(path.read_bytes() for path in folder.glob("step_*")) == last


def test_going_back_to_damaged_weights_leaves_the_last_policy(run: Run, space: Workspace) -> None:
    folder = run.folder / "checkpoints"
    weights = next((folder / "best").glob("*.npz"))
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(DamagedDataError, match="the best policy is damaged"):
        roll_back(run)
    load_checkpoint(folder, space.spec, encoder_fingerprint=ENCODER)


@pytest.mark.parametrize(
    "learner", [None, {}, {"updates": "x"}, {"updates": 1, "owed_steps": 10**400, "rng": {}}]
)
def test_a_checkpoint_that_does_not_say_how_to_go_on_is_damaged(
    space: Workspace, run: Run, learner: object
) -> None:
    for file in (run.folder / "checkpoints").rglob("step_*.json"):
        about = json.loads(file.read_text())
        del about["learner"]
        if learner is not None:
            about["learner"] = learner
        file.write_text(json.dumps(about))
    told: list[str] = []
    assert last_checkpoint(run.folder, space.spec, Eyes(), lambda e: told.append(e.text)) is None
    assert len(told) == 2


def test_labels_that_are_missing_or_unreadable_have_a_way_out(space: Workspace) -> None:
    file = space.labels / "episode_000002.hdf5"
    good = file.read_bytes()

    def check() -> None:
        stage = next(stage for stage in survey(space) if stage.name == "labels")
        assert stage.reason.startswith("episode_000002.hdf5: ")
        assert stage.command.startswith(f"mv {file} {file}.broken && ")

    with h5py.File(file, "r+") as opened:
        del opened["episode/labels"]
    check()
    with pytest.raises(DataError, match="labels are missing") as caught:
        Episode.read(file)
    assert f"{file}.broken" in str(caught.value.hint)
    file.write_bytes(good)
    with h5py.File(file, "r+") as opened:
        labels = opened["episode/labels"][()].astype("f8")
        del opened["episode/labels"]
        opened["episode/labels"] = labels
    check()
    file.rename(f"{file}.broken")
    assert next(stage for stage in survey(space) if stage.name == "labels").ready is False


def test_an_episode_that_does_not_say_how_it_went_is_named(space: Workspace, run: Run) -> None:
    file = run.folder / "episodes" / "episode_000002.hdf5"
    with h5py.File(file, "r+") as opened:
        del opened["episode"].attrs["duration_s"]
    with pytest.raises(DataError, match="how it went") as caught:
        progress_so_far(run.folder, space.spec)
    assert caught.value.where == str(file)
    assert caught.value.hint


def test_a_manifest_without_its_settings_still_has_a_page(run: Run) -> None:
    about = json.loads((run.folder / "manifest.json").read_text())
    del about["spec"]
    (run.folder / "manifest.json").write_text(json.dumps(about))
    assert RUN in write_run_report(run.folder).read_text("utf-8")


@pytest.mark.parametrize("odd", ["long", None, [], float("nan"), 10**400])
def test_a_manifest_whose_time_is_no_number_is_damaged(
    space: Workspace, run: Run, odd: object
) -> None:
    file = run.folder / "manifest.json"
    about = json.loads(file.read_text())
    changed = {"status": "finished", "reached_target": False, "progress": {"robot_s": odd}}
    file.write_text(json.dumps(about | changed))
    with pytest.raises(DamagedDataError) as caught:
        find_unfinished(space)
    assert caught.value.where == str(file)
    assert next(stage for stage in survey(space) if stage.name == "policy").ready is False


def test_rows_that_do_not_belong_to_an_episode_are_not_taken_from_a_cache(tmp_path: Path) -> None:
    cache = ArrayCache(tmp_path)
    cache.keep("one", "encoder a", {"wrist": np.zeros((5, 2))})
    assert cache.get("one", "encoder a", rows=5) is not None
    assert cache.get("one", "encoder a", rows=9) is None
