"""The folder: what is read is what was written, and nothing foreign or damaged is ever used."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_scene import CAMERAS, IDENTITY, SOURCE

from hilctl.errors import ComputerError, DataError, HilctlError, MissingStageError
from hilctl.rewards.fit import FittedClassifier
from hilctl.rewards.store import load_classifier, save_classifier


def load(folder: Path, **changes: Any) -> FittedClassifier:
    wanted = {
        "data_identity": IDENTITY,
        "cameras": CAMERAS,
        "encoder": SOURCE.encoder,
        "encoder_fingerprint": SOURCE.encoder_fingerprint,
    }
    return load_classifier(folder, **(wanted | changes))


@pytest.fixture
def folder(tmp_path: Path, classifier: FittedClassifier) -> Path:
    save_classifier(tmp_path / "classifier", classifier)
    return tmp_path / "classifier"


def test_probabilities_survive(folder: Path, classifier: FittedClassifier) -> None:
    again = load(folder)
    frames = classifier.memory.frames
    np.testing.assert_array_equal(
        again.model.probability(frames), classifier.model.probability(frames)
    )
    assert again.model.threshold == classifier.model.threshold
    assert again.metrics.as_dict() == json.loads(json.dumps(classifier.metrics.as_dict()))
    assert again.source == classifier.source
    np.testing.assert_array_equal(again.memory.folds, classifier.memory.folds)


def test_description_says_what_it_is(folder: Path) -> None:
    about = json.loads((folder / "classifier.json").read_text())
    assert about["version"] == 1
    assert about["cameras"] == ["wrist", "side"]
    assert about["label_episodes"] == ["episode_000001.hdf5"]
    assert about["weights_file"] == "weights-1.npz"
    assert len(about["data_fingerprint"]) == 12


def test_a_new_version_replaces_the_old_one(folder: Path, classifier: FittedClassifier) -> None:
    history = ({"version": 2, "reason": "veto", "added": 3, "ms": 200},)
    save_classifier(folder, replace(classifier, version=2, history=history))
    assert sorted(path.name for path in folder.iterdir()) == ["classifier.json", "weights-2.npz"]
    assert load(folder).history == history


def test_no_classifier_is_a_missing_stage(tmp_path: Path) -> None:
    with pytest.raises(MissingStageError) as caught:
        load(tmp_path)
    assert caught.value.hint == "hilctl train-classifier"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"cameras": ["wrist"]}, "reward.cameras: wrist here, wrist, side there"),
        (
            {"encoder": "resnet10", "encoder_fingerprint": "fedcba9876543210"},
            r"encoder: resnet10 \(fedcba\) here, efficientnet-lite0 \(012345\) there",
        ),
        (
            {"data_identity": {"cameras": {"wrist": {"size": [96, 96]}, "side": {"size": [1, 1]}}}},
            "cameras.wrist.size: 96×96 here, 128×128 there",
        ),
    ],
)
def test_a_foreign_classifier_is_refused(folder: Path, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(DataError, match=named):
        load(folder, **changes)


def cut_weights(folder: Path) -> None:
    weights = folder / "weights-1.npz"
    weights.write_bytes(weights.read_bytes()[:1000])


def cut_json(folder: Path) -> None:
    file = folder / "classifier.json"
    file.write_text(file.read_text()[:100])


def drop_key(folder: Path) -> None:
    file = folder / "classifier.json"
    about = json.loads(file.read_text())
    del about["threshold"]
    file.write_text(json.dumps(about))


def other_format(folder: Path) -> None:
    file = folder / "classifier.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 99}))


@pytest.mark.parametrize("damage", [cut_weights, cut_json, drop_key, other_format])
def test_a_damaged_classifier_is_refused(folder: Path, damage: Callable[[Path], None]) -> None:
    damage(folder)
    with pytest.raises(DataError, match="damaged") as caught:
        load(folder)
    assert caught.value.hint == "hilctl train-classifier"


def test_weights_that_the_computer_cannot_read_are_its_fault(folder: Path) -> None:
    (weights,) = folder.glob("*.npz")
    weights.unlink()
    weights.symlink_to("/proc/self/mem")  # its first byte gives EIO
    with pytest.raises(ComputerError, match="Input/output error") as caught:
        load(folder)
    assert "train-classifier" not in str(caught.value.hint)


def test_missing_weights_are_a_missing_stage(folder: Path) -> None:
    (folder / "weights-1.npz").unlink()
    with pytest.raises(MissingStageError, match=r"weights-1\.npz"):
        load(folder)


def test_whoever_reads_while_newer_versions_are_saved_gets_a_whole_one(
    folder: Path, classifier: FittedClassifier
) -> None:
    over = threading.Event()

    def save_on_and_on() -> None:
        version = 1
        while not over.is_set():
            version += 1
            save_classifier(folder, replace(classifier, version=version))

    saving = threading.Thread(target=save_on_and_on)
    saving.start()
    try:
        versions = [load(folder).version for _ in range(200)]
    finally:
        over.set()
        saving.join()
    assert versions == sorted(versions)
    assert versions[-1] > versions[0]


def test_a_folder_that_cannot_be_written(tmp_path: Path, classifier: FittedClassifier) -> None:
    (tmp_path / "classifier").write_text("in the way")
    with pytest.raises(HilctlError):
        save_classifier(tmp_path / "classifier", classifier)
