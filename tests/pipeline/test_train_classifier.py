"""From labels on disk to a classifier that fits the task, judges frames and says how well."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from small_task import edit

from hilctl.cli.app import run
from hilctl.data.dataset import Dataset
from hilctl.errors import BelowBarError, DataError, MissingStageError
from hilctl.networks.encoders import ENCODERS
from hilctl.networks.encoders.base import Encoder
from hilctl.pipeline.classify import train_classifier as train_classifier_module
from hilctl.pipeline.classify.label_frames import encode_labels
from hilctl.pipeline.classify.train_classifier import (
    ClassifierResult,
    TrainedClassifiers,
    train_classifier,
)
from hilctl.pipeline.events import Event
from hilctl.pipeline.parts import open_encoder
from hilctl.pipeline.record.labels import record_labels
from hilctl.pipeline.run_folder.manifest import ClassifierManifest, read_manifest
from hilctl.pipeline.stages import State, survey
from hilctl.rewards import fit
from hilctl.rewards.classifier import ClassifierReward
from hilctl.rewards.frames import LabelledFrames
from hilctl.rewards.look_alikes import LookAlike
from hilctl.rewards.store import load_classifier
from hilctl.task import scaffold
from hilctl.task.fingerprint import data_identity
from hilctl.task.workspace import Workspace

FEW = {"consecutive: 2 ": "success_frames: 30\n  failure_frames: 100\n  consecutive: 2 "}
SMALL_CAMERAS = {
    f"view: {name}, size: [128, 128]": f"view: {name}, width_px: 32, height_px: 32, size: [32, 32]"
    for name in ("wrist", "side")
}
EYES = Path(__file__).parents[1] / "eyes"
THUMBNAILS = {  # in place of an encoder that takes most of the time
    "encoder: efficientnet-lite0": "encoder: thumbnails",
    "type: classifier\n": "type: classifier\n  encoder: thumbnails\n",
}
PNG = b"\x89PNG\r\n\x1a\n"


def make_task(folder: Path) -> Workspace:
    chosen = scaffold.find_template("sim-reach")
    scaffold.create(chosen, folder, chosen.answers({}))
    return edit(Workspace(folder), FEW | SMALL_CAMERAS)


@pytest.fixture(scope="module", autouse=True)
def _eyes() -> Iterator[None]:
    """Find the encoder of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EYES)
        yield


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A task with labels."""
    space = edit(make_task(tmp_path_factory.mktemp("classifier") / "task"), THUMBNAILS)
    record_labels(space)
    return space


@pytest.fixture(scope="module")
def result(space: Workspace) -> ClassifierResult:
    """Its classifier, after fewer steps: what is easy to see is learnt by then."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "STEPS", 150)
        return train_classifier(space, seed=1).each[0]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return ENCODERS.get("thumbnails")(None)


@dataclass(frozen=True)
class Encoded:
    """All labelled frames, and what was told while they were encoded."""

    frames: LabelledFrames
    told: list[Event]


@pytest.fixture(scope="module")
def encoded(space: Workspace, encoder: Encoder) -> Encoded:
    events: list[Event] = []
    dataset = Dataset.open(space.labels, expect_fingerprint=None)
    return Encoded(encode_labels(dataset, ["wrist", "side"], encoder, events.append)[0], events)


def state_of(space: Workspace) -> State:
    stages = {stage.name: stage.state for stage in survey(Workspace(space.root))}
    return stages["classifier"]


def test_the_folder_is_whole(space: Workspace, result: ClassifierResult) -> None:
    names = sorted(path.name for path in space.classifier.iterdir())
    assert names == ["classifier.json", "mistakes.png", "precision_recall.png", "weights-1.npz"]
    assert result.curve.read_bytes().startswith(PNG)
    assert result.mistakes.read_bytes().startswith(PNG)
    manifest = read_manifest(ClassifierManifest, space.classifier / "classifier.json")
    assert manifest is not None
    assert manifest.label_episodes == [path.name for path in sorted(space.labels.glob("epi*"))]
    assert state_of(space) is State.READY


def test_figures_fit_together(result: ClassifierResult) -> None:
    figures = json.loads(json.dumps(result.as_dict()))
    counts = figures["confusion"]
    right = counts["true_positive"] + counts["true_negative"]
    assert figures["accuracy"] == pytest.approx(right / sum(counts.values()))
    assert sum(figures["frames"].values()) == sum(counts.values())
    assert figures["false_positive_rate"] <= figures["max_false_positive_rate"] == 0.005
    assert figures["recall"] > 0.5
    assert figures["episodes"] == len(result.fitted.source.label_episodes)
    assert {"precision", "threshold", "consecutive", "false_claim_rate"} <= set(figures)
    result.check()


def test_progress_is_told(space: Workspace, encoded: Encoded) -> None:
    episodes = len(Dataset.open(space.labels, expect_fingerprint=None))
    assert [event.done for event in encoded.told] == list(range(1, episodes + 1))
    assert {event.total for event in encoded.told} == {episodes}


def test_frames_carry_their_own_labels(
    space: Workspace, encoded: Encoded, encoder: Encoder
) -> None:
    dataset, data = Dataset.open(space.labels, expect_fingerprint=None), encoded.frames
    by_name = {episode.header.path.name: episode for episode in dataset.episodes()}
    rows = np.random.default_rng(0).choice(len(data), 8)
    for row in rows:
        episode, step = by_name[str(data.episodes[row])], int(data.steps[row])
        assert episode.labels is not None
        assert episode.labels[step] == int(data.labels[row])
        assert data.load_images is not None
        images = data.load_images(int(row))
        for camera, image in images.items():
            np.testing.assert_array_equal(image, episode.images(camera)[step + 1])
            again = encoder.encode_many(image[None])[0]
            np.testing.assert_allclose(
                again.astype(float), data.features[camera][row].astype(float), atol=0.05
            )


def test_it_is_the_reward_of_the_task(
    space: Workspace, result: ClassifierResult, encoder: Encoder, encoded: Encoded
) -> None:
    fitted = load_classifier(
        space.classifier,
        data_identity=data_identity(space.spec),
        cameras=["wrist", "side"],
        encoder="thumbnails",
        encoder_fingerprint=encoder.fingerprint,
    )
    assert fitted.model.threshold == result.fitted.model.threshold
    reward = ClassifierReward(fitted.model, fitted.consecutive)
    data = encoded.frames

    def claims(wanted: bool) -> float:
        rows, judged = np.flatnonzero(data.labels == wanted)[:60], []
        for row in rows:
            reward.reset()
            frame: Mapping = {name: array[row] for name, array in data.features.items()}
            judged.append([reward.judge(frame).success for _ in range(fitted.consecutive)][-1])
        return float(np.mean(judged))

    assert claims(True) > 0.7
    assert claims(False) < 0.05


def test_the_same_seed_trains_the_same(
    space: Workspace, encoded: Encoded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = encoded.frames, encoded.frames.labels.astype(np.int8)
    monkeypatch.setattr(train_classifier_module, "encode_labels", lambda *_: found)
    monkeypatch.setattr(fit, "STEPS", 20)
    task = Workspace(Path(shutil.copytree(space.root, tmp_path / "task")))
    one, again = (train_classifier(task, seed=1).each[0] for _ in range(2))
    np.testing.assert_array_equal(one.fitted.model.heads.output, again.fitted.model.heads.output)
    assert one.as_dict() == again.as_dict()


def test_newer_labels_make_it_stale(space: Workspace, result: ClassifierResult) -> None:
    extra = space.labels / "episode_000999.hdf5"
    extra.write_bytes(next(iter(sorted(space.labels.glob("epi*")))).read_bytes())
    assert state_of(space) is State.STALE
    extra.unlink()
    assert state_of(space) is State.READY


def test_no_labels(tmp_path: Path) -> None:
    space = make_task(tmp_path / "task")
    with pytest.raises(MissingStageError, match="0/30 success") as caught:
        train_classifier(space)
    assert "record-labels" in str(caught.value.hint)
    assert not space.classifier.exists()


def test_too_few_labels_names_what_is_missing(space: Workspace, tmp_path: Path) -> None:
    few = make_task(tmp_path / "task")
    few.labels.mkdir()
    first = min(space.labels.glob("epi*"))
    (few.labels / first.name).write_bytes(first.read_bytes())
    with pytest.raises(MissingStageError, match=r"\d+/30 success, \d+/100 failure frames"):
        train_classifier(few)


def test_labels_of_another_task(space: Workspace, tmp_path: Path) -> None:
    other = edit(make_task(tmp_path / "task"), {"translation_m: 0.01": "translation_m: 0.02"})
    other.labels.symlink_to(space.labels.resolve())
    with pytest.raises(DataError, match=r"control\.translation_m: 0\.02 here, 0\.01 there"):
        train_classifier(other)


def test_damaged_labels(space: Workspace, tmp_path: Path) -> None:
    other = make_task(tmp_path / "task")
    other.labels.mkdir()
    for path in space.labels.glob("epi*"):
        (other.labels / path.name).write_bytes(path.read_bytes()[:5000])
    with pytest.raises((DataError, MissingStageError), match="truncated") as caught:
        train_classifier(other)
    assert "mv" in str(caught.value.hint)


def test_weights_that_are_not_there(space: Workspace, tmp_path: Path) -> None:
    other = make_task(tmp_path / "task")
    other.labels.symlink_to(space.labels.resolve())
    with pytest.raises(DataError, match="cannot read the weights"):
        train_classifier(other.with_weights(tmp_path / "resnet10.pkl"))


def test_weights_of_the_task_file_are_looked_for_beside_it(
    space: Workspace, tmp_path: Path
) -> None:
    task = make_task(tmp_path / "task")
    task.labels.symlink_to(space.labels.resolve())
    encoder = "encoder: efficientnet-lite0"
    named = f"{encoder}\n  weights: nets/resnet10.pkl"
    changes = {encoder: named, "type: classifier": f"type: classifier\n  {named}"}
    beside = edit(task, changes)
    for read in (train_classifier, open_encoder):
        with pytest.raises(DataError, match="cannot read the weights") as caught:
            read(beside)
        assert str(beside.root / "nets" / "resnet10.pkl") in str(caught.value.where)


def test_a_classifier_that_misses_most_successes_is_below_the_bar(result: ClassifierResult) -> None:
    metrics = replace(result.fitted.metrics, recall=0.3)
    with pytest.raises(BelowBarError, match="only 30%"):
        replace(result, fitted=replace(result.fitted, metrics=metrics)).check()
    unheard = replace(result.fitted.metrics, successes={"shown": 10, "recognised": 2})
    with pytest.raises(BelowBarError, match="only 20% of the successes by 2 frames in a row"):
        replace(result, fitted=replace(result.fitted, metrics=unheard)).check()


def test_after_a_poor_classifier_come_labels_not_training(
    space: Workspace,
    result: ClassifierResult,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(space.root)
    trained = TrainedClassifiers((result,))
    monkeypatch.setattr(train_classifier_module, "train_classifier", lambda *_, **__: trained)
    for least, code, proposed in ((0.0, 0, "record-demos"), (1.1, 1, "record-labels")):
        monkeypatch.setattr(train_classifier_module, "MIN_RECALL", least)
        assert run(["train-classifier", "--json"]) == code
        out, talk = capsys.readouterr()
        assert json.loads(out.splitlines()[-1])["next"] == f"hilctl {proposed}"
        assert f"next: hilctl {proposed}" in talk
        assert "look at that picture" in talk or not code


@pytest.mark.parametrize("least", [0.0, 1.1])
def test_the_episode_to_blame_is_told_once_and_can_be_looked_at(
    space: Workspace,
    result: ClassifierResult,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    least: float,
) -> None:
    monkeypatch.chdir(space.root.parent)
    alike = LookAlike("episode_000003.hdf5", step=31, shown=10, recognised=7)
    trained = TrainedClassifiers((replace(result, look_alike=alike),))
    monkeypatch.setattr(train_classifier_module, "train_classifier", lambda *_, **__: trained)
    monkeypatch.setattr(train_classifier_module, "MIN_RECALL", least)
    run(["train-classifier", "--task", str(space.root), "--json"])
    out, talk = capsys.readouterr()
    assert json.loads(out.splitlines()[0])["look_alike"] == asdict(alike)
    file = space.labels / "episode_000003.hdf5"
    assert file.is_file()
    told = " ".join(talk.split())
    assert told.count("without them 7 of 10 successes would pass") == 1
    assert f"hilctl replay {shlex.quote(str(file))}" in told


@pytest.mark.parametrize(
    ("stage", "words"), [("", "labelled failure"), ("in", "labelled not yet in")]
)
def test_the_episode_to_blame_is_told_in_the_words_of_its_labels(
    result: ClassifierResult, stage: str, words: str
) -> None:
    alike = LookAlike("episode_000003.hdf5", step=31, shown=10, recognised=7)
    assert f"frames {words} in " in replace(result, stage=stage, look_alike=alike).blame
