"""Whatever happens to the bytes of a file, it is survived or named: never another exception."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from whole_folder import ENCODER, RUN, make_whole

from hilctl.data.cache import ArrayCache
from hilctl.data.index import ensure_index, rebuild_index
from hilctl.data.recovery import recover_partials
from hilctl.errors import HilctlError
from hilctl.pipeline.demos.listing import list_demos
from hilctl.pipeline.record.label_counts import count_labels
from hilctl.pipeline.record.recording import open_dataset
from hilctl.pipeline.report.run_summary import (
    evaluation_of,
    read_run,
    training_table,
    troubles,
)
from hilctl.pipeline.run_folder.best import best_policy, roll_back
from hilctl.pipeline.run_folder.resume import (
    find_finished,
    find_unfinished,
    progress_so_far,
    settings_of,
)
from hilctl.pipeline.run_folder.run import Run
from hilctl.pipeline.runs.comparison import compare_figures, compare_tasks
from hilctl.pipeline.runs.listing import list_runs
from hilctl.pipeline.stages import next_command, survey
from hilctl.task.workspace import Workspace
from hilctl.training.checkpoints import load_checkpoint

FUZZ = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
HEAD = 4000  # bytes of HDF5 that say where all others are


@dataclass
class Folder:
    """A task folder, and what is done with the files in it."""

    space: Workspace

    def __post_init__(self) -> None:
        self.run = self.space.run(RUN)
        self.cache = ArrayCache(self.space.root / "kept")
        self.cache.keep("one", "x", {"a": np.arange(60.0).reshape(6, 10)})

    def find(self, pattern: str) -> Path:
        return sorted(self.space.root.glob(pattern))[0]

    def task(self) -> None:
        survey(Workspace(self.space.root))

    def demos(self) -> None:
        survey(self.space)
        list_demos(self.space)
        ensure_index(self.space.demos)
        list(open_dataset(self.space.demos, self.space.spec).episodes())

    def index(self) -> None:
        ensure_index(self.space.demos)

    def labels(self) -> None:
        survey(self.space)
        dataset = open_dataset(self.space.labels, self.space.spec)
        count_labels(dataset.headers)
        list(dataset.episodes())

    def unfinished(self) -> None:
        folder = self.space.root / "unfinished"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        episode = self.find("demos/*.hdf5")
        shutil.copy(episode, folder / f"{episode.name}.partial")
        recover_partials(folder)

    def rollouts(self) -> None:
        progress_so_far(self.run, self.space.spec)

    def kept(self) -> None:
        self.cache.get("one", "x", rows=6)

    def policy(self) -> None:
        survey(self.space)
        load_checkpoint(self.run / "checkpoints", self.space.spec, encoder_fingerprint=ENCODER)

    def log(self) -> None:
        self.listed()
        progress_so_far(self.run, self.space.spec)
        _, records = read_run(self.run)
        training_table(records[-1])
        troubles(records)

    def evaluation(self) -> None:
        self.listed()
        evaluation_of(self.run)
        next_command(self.space, survey(self.space))

    def listed(self) -> None:
        (run,) = list_runs(self.space)
        compare_figures([run]), compare_tasks(run, run)

    def manifest(self) -> None:
        self.listed()
        survey(self.space)
        find_unfinished(self.space), find_finished(self.space)
        read_run(self.run)
        settings_of(self.space, RUN)

    def best(self) -> None:
        self.listed()
        best_policy(self.run)
        copy = self.space.root / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.run, copy)
        roll_back(Run(self.space, copy, 0))

    def lock(self) -> None:
        self.space.owner()
        with self.space.lock("train"):
            pass


KINDS: dict[str, tuple[str, Callable[[Folder], None]]] = {
    "task file": ("task.yaml", Folder.task),
    "demonstration": ("demos/episode_*.hdf5", Folder.demos),
    "index": ("demos/index.hdf5", Folder.index),
    "label": ("labels/episode_*.hdf5", Folder.labels),
    "unfinished episode": ("demos/episode_*.hdf5", Folder.unfinished),
    "rollout": ("runs/*/episodes/*.hdf5", Folder.rollouts),
    "cache": ("kept/one.npz", Folder.kept),
    "policy's weights": ("runs/*/checkpoints/*.npz", Folder.policy),
    "policy's description": ("runs/*/checkpoints/*.json", Folder.policy),
    "log": ("runs/*/metrics.jsonl", Folder.log),
    "evaluation": ("runs/*/eval.json", Folder.evaluation),
    "manifest": ("runs/*/manifest.json", Folder.manifest),
    "best policy's weights": ("runs/*/checkpoints/best/*.npz", Folder.best),
    "best policy's description": ("runs/*/checkpoints/best/*.json", Folder.best),
    "lock": (".hilctl.lock", Folder.lock),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    space = make_whole(tmp_path_factory.mktemp("damage") / "task")
    rebuild_index(space.demos)
    space.lock_file.write_text('{"pid": 123, "command": "train"}')
    return Folder(space)


@pytest.mark.parametrize("kind", KINDS)
@FUZZ
@given(data=st.data())
def test_damage_is_survived_or_named(folder: Folder, kind: str, data: st.DataObject) -> None:
    pattern, use = KINDS[kind]
    file = folder.find(pattern)
    good = file.read_bytes()
    try:
        file.write_bytes(damaged(good, data))
        with contextlib.suppress(HilctlError):
            use(folder)
    finally:
        file.write_bytes(good)


def damaged(content: bytes, data: st.DataObject) -> bytes:
    """Flip bits, cut off, leave out, or put in."""
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        last = max(0, len(changed) - 1)
        at = data.draw(st.integers(0, last) | st.integers(0, min(last, HEAD)))
        match data.draw(st.sampled_from(["flip", "flip", "cut", "leave out", "put in"])):
            case "flip" if changed:
                changed[at] ^= 1 << data.draw(st.integers(0, 7))
            case "cut":
                del changed[at:]
            case "leave out":
                del changed[at : at + data.draw(st.integers(1, 40))]
            case "put in":
                changed[at:at] = data.draw(st.binary(min_size=1, max_size=8))
    return bytes(changed)
