"""What lies where a file should be: links, pipes, devices, and files without an end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from whole_folder import ENCODER, RUN, make_task, save_policy, write_episode

from hilctl.data.cache import ArrayCache
from hilctl.data.episode import Episode
from hilctl.data.recovery import recover_partials
from hilctl.errors import DataError, HilctlError
from hilctl.networks.encoders import ENCODERS
from hilctl.pipeline.report.run_report import write_run_report
from hilctl.pipeline.run_folder.best import roll_back
from hilctl.pipeline.run_folder.run import Run
from hilctl.pipeline.stages import survey
from hilctl.pipeline.train.processes import presence
from hilctl.task.load import load_task
from hilctl.task.workspace import Workspace
from hilctl.training.checkpoints import load_checkpoint

ANYTHING_BUT_A_FILE: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "endless device": lambda path: path.symlink_to("/dev/zero"),
    "folder": Path.mkdir,
}


@pytest.fixture(params=ANYTHING_BUT_A_FILE)
def put(request: pytest.FixtureRequest) -> Callable[[Path], Path]:
    """Put something else in the place of a file."""

    def replace(path: Path) -> Path:
        path.unlink(missing_ok=True)
        ANYTHING_BUT_A_FILE[request.param](path)
        return path

    return replace


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", [".hilctl.lock", presence.FILE])
def test_a_lock_that_is_a_link_is_refused_and_its_target_stays(
    space: Workspace, tmp_path: Path, name: str
) -> None:
    precious = tmp_path / "precious.txt"
    for link in (Path.symlink_to, Path.hardlink_to):
        precious.write_text("of great worth")
        (space.root / name).unlink(missing_ok=True)
        link(space.root / name, precious)
        with pytest.raises(HilctlError, match="link"), space.lock("train"), presence.present(
            space.root
        ):  # fmt: skip
            pytest.fail("locked a link")
        assert precious.read_text() == "of great worth"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", [".hilctl.lock", presence.FILE])
def test_a_lock_that_is_no_file_is_refused_at_once(
    space: Workspace, name: str, put: Callable[[Path], Path]
) -> None:
    put(space.root / name)
    with pytest.raises(HilctlError), space.lock("train"), presence.present(space.root):
        pytest.fail("locked something else")
    assert space.owner() is None


@pytest.mark.timeout(60)
def test_a_task_file_that_is_no_file_is_refused_at_once(
    tmp_path: Path, put: Callable[[Path], Path]
) -> None:
    file = put(tmp_path / "task.yaml")
    with pytest.raises(HilctlError):
        load_task(file)


@pytest.mark.timeout(60)
def test_an_episode_that_is_no_file_is_named_with_the_way_out(
    space: Workspace, put: Callable[[Path], Path]
) -> None:
    file = put(space.demos / "episode_000001.hdf5")
    with pytest.raises(DataError) as caught:
        Episode.read(file)
    assert f"mv {file} {file}.broken" in str(caught.value.hint)
    stage = next(stage for stage in survey(space) if stage.name == "demos")
    assert stage.reason.startswith("episode_000001.hdf5: ")
    partial = put(space.demos / "episode_000009.hdf5.partial")
    recover_partials(space.demos)
    assert not partial.exists()


@pytest.mark.timeout(60)
def test_a_cache_that_is_no_file_is_made_again(tmp_path: Path, put: Callable[[Path], Path]) -> None:
    cache = ArrayCache(tmp_path)
    put(tmp_path / "one.npz")
    assert cache.get("one", "encoder a") is None


@pytest.mark.timeout(60)
@pytest.mark.parametrize("suffix", [".npz", ".json"])
def test_a_checkpoint_that_is_no_file_is_named(
    space: Workspace, suffix: str, put: Callable[[Path], Path]
) -> None:
    folder = space.run(RUN) / "checkpoints"
    put(next(folder.glob(f"step_*{suffix}")))
    with pytest.raises(HilctlError, match=r"regular|directory"):
        load_checkpoint(folder, space.spec, encoder_fingerprint=ENCODER)
    put(next((folder / "best").glob(f"step_*{suffix}")))
    with pytest.raises(HilctlError):
        roll_back(Run(space, space.run(RUN), 0))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["manifest.json", "metrics.jsonl", "eval.json"])
def test_a_file_of_a_run_that_is_no_file_is_named(
    space: Workspace, name: str, put: Callable[[Path], Path]
) -> None:
    put(space.run(RUN) / name)
    survey(space)
    if name == "eval.json":  # a page without it is better than none
        assert "eval.json" in write_run_report(space.run(RUN)).read_text("utf-8")
        return
    with pytest.raises(HilctlError):
        write_run_report(space.run(RUN))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["classifier/classifier.json", "calibration/wrist.json"])
def test_a_record_that_is_no_file_is_named_by_status(
    space: Workspace, name: str, put: Callable[[Path], Path]
) -> None:
    (space.root / name).parent.mkdir(exist_ok=True)
    put(space.root / name)
    told = [stage.reason for stage in survey(space)]
    assert any("regular" in reason or "directory" in reason for reason in told)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("encoder", ["efficientnet-lite0", "resnet10"])
def test_weights_that_are_no_file_are_refused_at_once(
    tmp_path: Path, encoder: str, put: Callable[[Path], Path]
) -> None:
    with pytest.raises(DataError, match="cannot read the weights"):
        ENCODERS.get(encoder)(put(tmp_path / "weights"))


@pytest.mark.parametrize("pid", [-1, 0, -(2**40), 10**400])
def test_the_owner_of_a_lock_is_one_process_or_none(space: Workspace, pid: int) -> None:
    space.lock_file.write_text(f'{{"pid": {pid}, "command": "train"}}')
    assert space.owner() is None


MADE_OF_ITSELF = """
import sys
from pathlib import Path
from hilctl.errors import DataError
from hilctl.pipeline.stages import survey
from hilctl.data.recovery import recover_partials
from hilctl.task.workspace import Workspace
space = Workspace(Path(sys.argv[1]))
print([stage.reason for stage in survey(space) if stage.name == "labels"])
recover_partials(space.labels)
"""


def make_virtual(file: Path, name: str, source: str = ".") -> None:
    """Make a data set of a file a view of `source`'s data set of the same name."""
    with h5py.File(file, "r+") as opened:
        group = opened["episode"]
        shape, dtype = group[name].shape, group[name].dtype
        del group[name]
        view = h5py.VirtualLayout(shape=shape, dtype=dtype)
        view[:] = h5py.VirtualSource(source, f"/episode/{name}", shape=shape)
        group.create_virtual_dataset(name, view)


def test_a_data_set_made_of_itself_does_not_end_the_process(space: Workspace) -> None:
    file = space.labels / "episode_000001.hdf5"
    make_virtual(file, "labels")
    unfinished = file.with_name("episode_000003.hdf5.partial")
    unfinished.write_bytes(file.read_bytes())
    done = subprocess.run(
        [sys.executable, "-c", MADE_OF_ITSELF, str(space.root)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "labels has numbers that lie elsewhere" in done.stdout


@pytest.mark.parametrize("name", ["actions", "obs/wrist", "final_obs/wrist", "stamps_ns", "labels"])
def test_data_that_lie_in_another_file_are_refused(space: Workspace, name: str) -> None:
    file, other = sorted(space.labels.glob("episode_*.hdf5"))
    make_virtual(file, name, str(other))
    with pytest.raises(DataError, match="lie elsewhere"):
        Episode.read(file)
    with h5py.File(file, "r+") as opened:
        del opened["episode"][name]
        opened["episode"][name] = h5py.ExternalLink(str(other), f"/episode/{name}")
    with pytest.raises(DataError, match="leads elsewhere"):
        Episode.read(file)


def test_raw_numbers_of_another_file_are_refused(space: Workspace, tmp_path: Path) -> None:
    file = space.demos / "episode_000001.hdf5"
    with h5py.File(file, "r+") as opened:
        del opened["episode/rewards"]
        raw = [("/dev/zero", 0, 8 * 8)]
        opened["episode"].create_dataset("rewards", (8,), "f8", external=raw)
    with pytest.raises(DataError, match="lie elsewhere"):
        Episode.read(file)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["obs", "labels"])
def test_a_link_in_an_episode_that_leads_to_a_pipe_is_not_followed(
    space: Workspace, tmp_path: Path, name: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    file = space.labels / "episode_000001.hdf5"
    with h5py.File(file, "r+") as opened:
        del opened["episode"][name]
        opened["episode"][name] = h5py.ExternalLink(str(tmp_path / "pipe"), "/x")
    with pytest.raises(DataError, match="leads elsewhere"):
        Episode.read(file)
    survey(space)


def test_views_that_only_other_programs_read_are_left_alone(tmp_path: Path) -> None:
    space = make_task(tmp_path / "task")
    file = write_episode(space, space.demos, "demo", 0)
    with h5py.File(file) as opened:
        assert opened["episode/next_obs/wrist"].is_virtual
    assert len(Episode.read(file)) == 8


def test_weights_of_a_checkpoint_may_not_lie_in_another_folder(
    space: Workspace, tmp_path: Path
) -> None:
    folder = space.run(RUN) / "checkpoints"
    weights, about = next(folder.glob("step_*.npz")), next(folder.glob("step_*.json"))
    weights.rename(space.run(RUN) / "away.npz")
    about.write_text(about.read_text().replace(weights.name, "../away.npz"))
    with pytest.raises(DataError, match="another folder"):
        load_checkpoint(folder, space.spec, encoder_fingerprint=ENCODER)
    best = next((folder / "best").glob("step_*.json"))
    text = best.read_text().replace(next((folder / "best").glob("*.npz")).name, "../../away.npz")
    best.write_text(text)
    with pytest.raises(DataError, match="another folder"):
        roll_back(Run(space, space.run(RUN), 0))
    assert save_policy(space, folder, 25).exists()
    assert np.load(space.run(RUN) / "away.npz", allow_pickle=False).files
