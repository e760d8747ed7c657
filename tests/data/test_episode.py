"""Episode files: what is written is read back, whole, or refused in words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from episode_samples import ATTRIBUTES, IDENTITY, make_steps, make_summary, write_episode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilctl.data.episode import Episode
from hilctl.data.header import EpisodeHeader
from hilctl.data.recorder import EpisodeRecorder
from hilctl.data.step import Outcome, Step
from hilctl.data.writer import EpisodeWriter, next_number
from hilctl.errors import DataError, HilctlError


def assert_same(episode: Episode, steps: list[Step]) -> None:
    """Check every number of an episode that was read against the steps that were written."""
    seen = [*[step.observation for step in steps], steps[-1].next_observation]
    nothing = np.full(6, np.nan)
    for key in seen[0].images:
        np.testing.assert_array_equal(episode.images(key), [o.images[key] for o in seen])
    for key in seen[0].state:
        np.testing.assert_array_equal(episode.state(key), [o.state[key] for o in seen])
    np.testing.assert_array_equal(episode.stamps_ns, [o.stamp_ns for o in seen])
    for key, stamps in episode.frame_stamps_ns.items():
        np.testing.assert_array_equal(stamps, [o.frame_stamps_ns[key] for o in seen])
    expected: dict[str, Any] = {
        "actions": [s.executed_action for s in steps],
        "policy_actions": [nothing if s.policy_action is None else s.policy_action for s in steps],
        "human_actions": [nothing if s.human_action is None else s.human_action for s in steps],
        "intervened": [s.intervened for s in steps],
        "rewards": [s.reward for s in steps],
        "terminated": [s.terminated for s in steps],
        "truncated": [s.truncated for s in steps],
        "dones": [s.terminated or s.truncated for s in steps],
        "probability": [s.probability for s in steps],
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(getattr(episode, name), values, err_msg=name)


@given(st.integers(1, 34), st.integers(0, 99), st.booleans(), st.sampled_from([(), ("wrist",)]))
@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_is_written_is_read(
    tmp_path: Path, count: int, seed: int, success: bool, cameras: tuple[str, ...]
) -> None:
    steps = make_steps(count, seed=seed, success=success, cameras=cameras)
    outcome = Outcome.SUCCESS if success else Outcome.FAILURE
    path = write_episode(tmp_path, steps, outcome=outcome, seed=seed)
    episode = Episode.read(path)
    assert_same(episode, steps)
    assert len(episode) == episode.header.num_samples == count
    assert episode.cameras == list(cameras)
    assert episode.state_keys == ["gripper", "tcp_pose"]
    assert episode.header.outcome is outcome
    assert episode.labels is None
    assert [file.suffix for file in tmp_path.iterdir()] == [".hdf5"] * len(list(tmp_path.iterdir()))


def test_the_header_says_what_is_known(tmp_path: Path) -> None:
    with EpisodeWriter(tmp_path, kind="demo", attributes=ATTRIBUTES | {"renderer": "egl"}) as w:
        for step in make_steps(3):
            w.on_step(step)
        path = w.commit(make_summary(true_success=False, vetoed=True, outcome=Outcome.FAILURE))
    header = EpisodeHeader.read(path)
    assert path == tmp_path / "episode_000001.hdf5"
    assert (header.kind, header.outcome, header.true_success) == ("demo", Outcome.FAILURE, False)
    assert header.task_fingerprint == ATTRIBUTES["task_fingerprint"]
    assert header.task_identity == IDENTITY
    assert header.attributes["renderer"] == "egl"
    assert header.attributes["seed"] == 3
    assert header.attributes["vetoed"] is True
    assert header.attributes["operator"] == "scripted operator"
    assert header.attributes["versions"].keys() == {"hilctl", "numpy", "h5py"}


def test_the_truth_may_be_unknown(tmp_path: Path) -> None:
    path = write_episode(tmp_path, make_steps(3))
    assert EpisodeHeader.read(path).true_success is None


def test_labels_are_kept_in_label_files(tmp_path: Path) -> None:
    labels = [-1, 0, 0, 1, 1, -1, 1, 0, 0, 0, 1, 1]
    with EpisodeWriter(tmp_path, kind="label", attributes=ATTRIBUTES) as writer:
        for step, label in zip(make_steps(12), labels, strict=True):
            writer.on_step(step, label)
        path = writer.commit(Outcome.ABORTED)
    episode = Episode.read(path)
    assert episode.labels is not None
    assert episode.labels.dtype == np.int8
    np.testing.assert_array_equal(episode.labels, labels)


def still(step: Step) -> Step:
    """Return the step as if nothing had moved."""
    return Step(**{**vars(step), "executed_action": np.zeros(6)})


def test_idle_starts_of_demos_are_left_out(tmp_path: Path) -> None:
    steps = make_steps(12)
    steps[:4] = [still(step) for step in steps[:4]]
    steps[6] = still(steps[6])  # a rest on the way stays
    assert_same(Episode.read(write_episode(tmp_path, steps)), steps[4:])
    assert_same(Episode.read(write_episode(tmp_path, steps, kind="rollout")), steps)


def test_an_end_is_never_idle(tmp_path: Path) -> None:
    steps = [still(step) for step in make_steps(3)]
    assert_same(Episode.read(write_episode(tmp_path, steps)), steps[-1:])


def test_next_obs_is_a_view_and_nothing_is_stored_twice(tmp_path: Path) -> None:
    steps = make_steps(23, size=(64, 64))
    path = write_episode(tmp_path, steps)
    with h5py.File(path) as file:
        group = file["episode"]
        for key in ("wrist", "gripper"):
            shifted = np.concatenate([group[f"obs/{key}"][1:], group[f"final_obs/{key}"]])
            np.testing.assert_array_equal(group[f"next_obs/{key}"][()], shifted)
            assert group[f"next_obs/{key}"].is_virtual
    raw = 24 * 2 * 64 * 64 * 3
    assert path.stat().st_size < 1.3 * raw


def test_steps_must_follow_each_other(tmp_path: Path) -> None:
    steps = make_steps(4)
    with EpisodeWriter(tmp_path, kind="demo", attributes=ATTRIBUTES) as writer:
        writer.on_step(steps[0])
        with pytest.raises(ValueError, match="contiguous"):
            writer.on_step(steps[2])


def test_leaving_without_a_commit_leaves_nothing(tmp_path: Path) -> None:
    with EpisodeWriter(tmp_path, kind="demo", attributes=ATTRIBUTES) as writer:
        for step in make_steps(15):
            writer.on_step(step)
        assert [path.name for path in tmp_path.iterdir()] == ["episode_000001.hdf5.partial"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("missing", ["task_fingerprint", "task_identity", "operator"])
def test_an_episode_says_whose_it_is(tmp_path: Path, missing: str) -> None:
    attributes = {key: value for key, value in ATTRIBUTES.items() if key != missing}
    with pytest.raises(ValueError, match=missing):
        EpisodeWriter(tmp_path, kind="demo", attributes=attributes)


def test_numbers_are_never_used_twice(tmp_path: Path) -> None:
    assert next_number(tmp_path / "absent") == 1
    (tmp_path / "recovered").mkdir()
    for name, following in [
        ("episode_000004.hdf5", 5),
        ("episode_000006.hdf5.partial", 7),
        ("episode_000008.hdf5.broken", 9),
        ("recovered/episode_000010.hdf5", 11),
        ("index.hdf5", 11),
    ]:
        (tmp_path / name).touch()
        assert next_number(tmp_path) == following
    with pytest.raises(ValueError, match="exists"):
        EpisodeWriter(tmp_path, kind="demo", attributes=ATTRIBUTES, number=4)


def test_a_recorder_keeps_what_is_worth_keeping(tmp_path: Path) -> None:
    recorder = EpisodeRecorder(tmp_path / "demos", kind="demo", attributes=ATTRIBUTES)
    for count, summary in [
        (5, make_summary()),
        (5, make_summary(discarded=True)),
        (1, make_summary()),
        (0, make_summary()),
        (12, make_summary(Outcome.FAILURE)),
    ]:
        recorder.on_episode_start()
        for step in make_steps(count):
            recorder.on_step(step)
        recorder.on_episode_end(summary)
    recorder.on_episode_start()
    recorder.on_step(make_steps(1)[0])
    recorder.close()
    assert sorted(path.name for path in (tmp_path / "demos").iterdir()) == [
        "episode_000001.hdf5",
        "episode_000002.hdf5",
        "index.hdf5",
    ]
    assert [len(Episode.read(path)) for path in recorder.committed] == [5, 12]


def test_an_unknown_camera_is_named(tmp_path: Path) -> None:
    episode = Episode.read(write_episode(tmp_path, make_steps(2)))
    with pytest.raises(DataError, match="no camera 'top', only side, wrist"):
        episode.images("top")


def refused(path: Path) -> DataError:
    """Check that a file is refused by both readers with path and hint."""
    with pytest.raises(DataError) as caught:
        Episode.read(path)
    assert caught.value.where == str(path)
    assert "Traceback" not in caught.value.message
    return caught.value


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 100, 512, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, -1])
def test_truncated_files_are_refused(tmp_path: Path, kept: float) -> None:
    path = write_episode(tmp_path, make_steps(14))
    size = path.stat().st_size
    os.truncate(path, size - 1 if kept == -1 else int(kept * size) if 0 < kept < 1 else int(kept))
    error = refused(path)
    assert error.hint is not None
    assert "mv " in error.hint
    with pytest.raises(DataError):
        EpisodeHeader.read(path)


@pytest.mark.parametrize("content", [b"", b"not HDF5", b"\x89HDF\r\n\x1a\n" + 300 * b"\xff"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "episode_000001.hdf5"
    path.write_bytes(content)
    refused(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    refused(tmp_path / "episode_000009.hdf5")


def replace(group: h5py.Group, name: str, value: Any) -> None:
    """Put another dataset in the place of one."""
    del group[name]
    group[name] = value


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda g: g.attrs.pop("format"), "written in format None"),
        (lambda g: g.attrs.modify("format", 2), "written in format 2"),
        (lambda g: g.attrs.modify("num_samples", 7), "expected 7 rows"),
        (lambda g: g.attrs.modify("num_samples", 0), "num_samples is missing"),
        (lambda g: g.attrs.modify("outcome", "great"), "great"),
        (lambda g: g.attrs.modify("task_identity", "{"), "not an episode file"),
        (lambda g: g.attrs.modify("task_identity", "[]"), "task_identity"),
        (lambda g: g.attrs.pop("operator"), "operator is missing"),
        (lambda g: g.pop("rewards"), "rewards is missing"),
        (lambda g: g.pop("final_obs"), "final_obs is missing"),
        (lambda g: g.pop("final_obs/wrist"), "final_obs/wrist is missing"),
        (lambda g: g["actions"].resize(3, axis=0), "actions has shape"),
        (lambda g: g["obs/side"].resize(3, axis=0), "obs/side has shape"),
        (lambda g: replace(g, "rewards", 1.0), "rewards has shape"),
        (lambda g: replace(g, "rewards", ["a", "b", "c", "d"]), "not numbers"),
        (lambda g: replace(g, "rewards", [0.0, 0.0, 0.0, np.nan]), "not finite"),
        (lambda g: replace(g, "final_obs/gripper", np.zeros((1, 2))), "differs in shape"),
        (lambda g: (g.pop("actions"), g.create_group("actions")), "not a dataset"),
        (lambda g: (g.pop("obs"), g.create_dataset("obs", data=3)), "not an episode|damaged"),
        (lambda g: g.file.move("episode", "other"), "group episode is missing"),
    ],
)
def test_inconsistent_files_are_refused(tmp_path: Path, damage: Any, message: str) -> None:
    path = write_episode(tmp_path, make_steps(4))
    with h5py.File(path, "r+") as file:
        damage(file["episode"])
    with pytest.raises(DataError, match=message) as caught:
        Episode.read(path)
    assert caught.value.where == str(path)
    assert caught.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(HilctlError, match="permission") as caught:
        EpisodeWriter(tmp_path, kind="demo", attributes=ATTRIBUTES)
    assert caught.value.hint


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "demos").touch()
    with pytest.raises(HilctlError, match="exists"):
        EpisodeWriter(tmp_path / "demos", kind="demo", attributes=ATTRIBUTES)
