"""Each stage is judged from its files: missing, partial, ready or stale, and what mends it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilctl.data.step import Observation, Outcome, Step
from hilctl.data.writer import EpisodeWriter
from hilctl.errors import DataError, MissingStageError, UsageError
from hilctl.pipeline import stage_checks
from hilctl.pipeline.events import Event
from hilctl.pipeline.run_folder.manifest import (
    ClassifierManifest,
    ClassifierMetrics,
    Evaluation,
    RunManifest,
    read_manifest,
    write_manifest,
)
from hilctl.pipeline.stage_checks import StageCheck
from hilctl.pipeline.stages import Stage, State, next_command, require, survey
from hilctl.pipeline.train import lockstep
from hilctl.pipeline.train.train import train as train_policy
from hilctl.rewards.classifier import ClassifierReward
from hilctl.task import scaffold
from hilctl.task.fingerprint import (
    data_fingerprint,
    data_identity,
    policy_fingerprint,
    policy_identity,
)
from hilctl.task.workspace import Workspace

SETTINGS = {"demos": "2", "target_success": "0.9"}
ENOUGH_FRAMES = (
    "consecutive: 3 ",
    "success_frames: 10\n  failure_frames: 10\n  consecutive: 3 ",
)


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A new task that wants 2 demonstrations and 10 frames of each kind."""
    monkeypatch.chdir(tmp_path)
    template = scaffold.find_template("sim-insert")
    scaffold.create(template, Path("peg"), template.answers(SETTINGS))
    edit(Path("peg"), *ENOUGH_FRAMES)
    monkeypatch.chdir("peg")
    return Workspace(Path())


def edit(folder: Path, old: str, new: str) -> Workspace:
    file = folder / "task.yaml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")
    return Workspace(folder)


def record(
    space: Workspace, folder: Path, outcome: Outcome = Outcome.SUCCESS, labels: str = ""
) -> Path:
    """Write an episode of one step a label: `+` success, `-` failure, `?` neither."""
    attributes = {
        "task_fingerprint": data_fingerprint(space.spec),
        "task_identity": data_identity(space.spec),
        "operator": "test",
    }
    kind: Any = "label" if labels else "demo"
    with EpisodeWriter(folder, kind=kind, attributes=attributes) as writer:
        for i, label in enumerate(labels or "??"):
            step = Step(seen(i), np.ones(6), None, None, False, seen(i + 1), 0.0, False, False)
            writer.on_step(step, {"+": 1, "-": 0, "?": -1}[label])
        return writer.commit(outcome)


def seen(i: int) -> Observation:
    return Observation({"wrist": np.zeros((4, 4, 3), np.uint8)}, {"tcp_pose": np.zeros(7)}, i, {})


def train_classifier(space: Workspace, **changes: Any) -> None:
    known = {
        "data_fingerprint": data_fingerprint(space.spec),
        "data_identity": data_identity(space.spec),
        "cameras": ["wrist", "side"],
        "label_episodes": [path.name for path in sorted(space.labels.glob("episode_*"))],
    }
    space.classifier.mkdir(exist_ok=True)
    manifest = ClassifierManifest(**{**known, **changes})
    write_manifest(space.classifier / "classifier.json", manifest)


KEPT = "checkpoints/step_0000100.json"


def train(space: Workspace, run_id: str = "r1", **changes: Any) -> Path:
    known = {
        "status": "finished",
        "policy_fingerprint": policy_fingerprint(space.spec),
        "policy_identity": policy_identity(space.spec),
        "checkpoint": KEPT,
    }
    run = space.run(run_id)
    keep(run / "checkpoints", updates=100)
    write_manifest(run / "manifest.json", RunManifest(**{**known, **changes}))
    return run


def evaluate(run: Path, successes: int = 19, checkpoint: str = KEPT) -> None:
    rate = successes / 20
    result = Evaluation(episodes=20, successes=successes, success_rate=rate, checkpoint=checkpoint)
    write_manifest(run / "eval.json", result)


def stage(space: Workspace, name: str) -> Stage:
    return next(stage for stage in survey(space) if stage.name == name)


@pytest.mark.parametrize("name", ["eyes.npz", "x" * 300], ids=["not there", "cannot be"])
def test_weights_that_are_not_there_are_told_before_anything_is_recorded(
    space: Workspace, name: str
) -> None:
    edit(space.root, "  type: rlpd\n", f"  type: rlpd\n  weights: {name}\n")
    changed = edit(space.root, "  type: classifier\n", f"  type: classifier\n  weights: {name}\n")
    (task, *_) = survey(changed)
    assert (task.state, task.ready) == (State.PARTIAL, False)
    assert task.reason == f"agent.weights names no file: {name}"


def test_weights_that_are_there_are_no_matter(space: Workspace) -> None:
    edit(space.root, "  type: rlpd\n", "  type: rlpd\n  weights: eyes.npz\n")
    changed = edit(space.root, "  type: classifier\n", "  type: classifier\n  weights: eyes.npz\n")
    (space.root / "eyes.npz").touch()
    assert survey(changed)[0].ready


def test_the_whole_way(space: Workspace) -> None:
    def state() -> tuple[list[str], str]:
        stages = survey(space)
        return [one.state.value for one in stages if one.ready], next_command(space, stages)

    assert state() == (["ready"] * 2, "hilctl record-demos")
    for _ in range(2):
        record(space, space.demos)
    assert state() == (["ready"] * 3, "hilctl record-labels")
    record(space, space.labels, labels="+" * 10 + "??" + "-" * 10)
    assert state() == (["ready"] * 4, "hilctl train-classifier")
    train_classifier(space)
    assert state() == (["ready"] * 5, "hilctl train")
    run = train(space)
    assert state() == (["ready"] * 6, "hilctl eval")
    evaluate(run)
    assert state() == (["ready"] * 7, "hilctl eval --episodes 50")


def test_cameras_are_told_and_never_stand_in_the_way(space: Workspace) -> None:
    found = stage(space, "cameras")
    told = "0/2 with exposure held, 0/2 with a reference (optional: hilctl calibrate)"
    assert found.ready
    assert found.reason.replace(f" --task {space.root}", "") == told


def test_demos_count_successes(space: Workspace) -> None:
    record(space, space.demos)
    record(space, space.demos, Outcome.FAILURE)
    found = stage(space, "demos")
    assert (found.state, found.reason) == (State.PARTIAL, "1/2 successful demonstrations")


def test_unfinished_recordings_are_mentioned(space: Workspace) -> None:
    record(space, space.demos)
    (space.demos / "episode_000002.hdf5.partial").touch()
    assert stage(space, "demos").reason == "1/2 successful demonstrations, 1 unfinished"


def test_labels_count_frames(space: Workspace) -> None:
    record(space, space.labels, labels="+++++---???")
    found = stage(space, "labels")
    assert (found.state, found.reason) == (State.PARTIAL, "5/10 success, 3/10 failure frames")


def test_data_of_another_task_is_stale(space: Workspace) -> None:
    record(space, space.demos)
    found = stage(edit(space.root, "rate_hz: 10", "rate_hz: 20"), "demos")
    assert found.state is State.STALE
    assert found.reason == "1 of 1 episodes: control.rate_hz: 20 here, 10 there"
    assert found.command == "mv demos demos.old && hilctl record-demos"


@pytest.mark.parametrize("damage", [b"", b"not hdf5 at all", b"\x89HDF\r\n\x1a\n" + b"\0" * 100])
def test_broken_episode_is_named(space: Workspace, damage: bytes) -> None:
    record(space, space.demos)
    (space.demos / "episode_000002.hdf5").write_bytes(damage)
    found = stage(space, "demos")
    assert found.state is State.PARTIAL
    assert found.reason.startswith("episode_000002.hdf5: ")
    broken = "demos/episode_000002.hdf5"
    assert found.command == f"mv {broken} {broken}.broken && hilctl record-demos"


def test_classifier_older_than_its_labels(space: Workspace) -> None:
    train_classifier(space)
    record(space, space.labels, labels="+-")
    found = stage(space, "classifier")
    assert found.state is State.STALE
    assert found.reason == "1 of 1 label episodes are newer than it"


@pytest.mark.parametrize(
    ("shown", "recognised", "poor"), [(8, 0, 1), (8, 3, 1), (8, 4, 0), (0, 0, 0)]
)
def test_a_training_says_that_its_classifier_sees_few_successes(
    space: Workspace, monkeypatch: pytest.MonkeyPatch, shown: int, recognised: int, poor: int
) -> None:
    monkeypatch.setattr(lockstep, "train_in_lockstep", lambda *_, **__: None)  # stopped at once
    for _ in range(2):
        record(space, space.demos)
    successes = {"successes": {"shown": shown, "recognised": recognised}}
    train_classifier(space, metrics=ClassifierMetrics.model_validate(successes))
    events: list[Event] = []
    assert train_policy(space, report=events.append) is None
    told = [event.text for event in events if "unseen successes" in event.text]
    assert len(told) == poor
    if shown:
        words = f"recognised {recognised} of {shown} unseen successes"
        assert words in stage(space, "classifier").reason
        assert all(words in one and "hilctl record-labels" in one for one in told)


def test_classifier_of_other_cameras(space: Workspace) -> None:
    train_classifier(space, cameras=["side"])
    found = stage(space, "classifier")
    assert found.state is State.STALE
    assert found.reason == 'reward.cameras: ["side", "wrist"] here, ["side"] there'


def test_classifier_of_other_settings(space: Workspace) -> None:
    train_classifier(space, consecutive=3, encoder="efficientnet-lite0")
    assert stage(space, "classifier").ready
    found = stage(edit(space.root, "consecutive: 3", "consecutive: 2"), "classifier")
    assert found.state is State.STALE
    assert found.reason == "reward.consecutive: 2 here, 3 there"


def test_classifier_of_another_task(space: Workspace) -> None:
    train_classifier(space)
    found = stage(edit(space.root, "size: [128, 128]", "size: [96, 96]"), "classifier")
    assert found.state is State.STALE
    assert found.reason == "cameras.wrist.size: 96×96 here, 128×128 there"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cameras": 5}', '{"data_fingerprint": "x"}'])
def test_damaged_manifests_are_partial(space: Workspace, text: str) -> None:
    run = train(space)
    space.classifier.mkdir()
    files = [
        space.classifier / "classifier.json",
        run / "manifest.json",
        run / "eval.json",
    ]
    for file in files:
        file.write_text(text)
    found = {one.name: one for one in survey(space)}
    for name, file in zip(("classifier", "policy", "evaluation"), files, strict=True):
        assert found[name].state is State.PARTIAL
        assert f"{file.name} is damaged" in found[name].reason


def test_training_that_was_cut_off(space: Workspace) -> None:
    train(space, status="running")
    assert stage(space, "policy").reason == "r1: training was cut off"
    with space.lock("train"):
        assert stage(space, "policy").reason == "r1: training running"
    train(space, status="stopped")
    assert stage(space, "policy").state is State.PARTIAL


def test_run_without_manifest_or_checkpoint(space: Workspace) -> None:
    space.run("r1").mkdir(parents=True)
    assert stage(space, "policy").reason == "r1: no manifest.json"
    (train(space) / KEPT).unlink()
    assert stage(space, "policy").reason == "r1: no checkpoint yet"


def test_policy_of_another_task(space: Workspace) -> None:
    train(space)
    found = stage(edit(space.root, "images: [wrist, side]", "images: [side]"), "policy")
    assert found.state is State.STALE
    assert found.reason == 'r1: observation.images: ["side"] here, ["wrist", "side"] there'


def test_newest_run_counts(space: Workspace) -> None:
    evaluate(train(space, "r1"))
    train(space, "r2", status="stopped")
    assert stage(space, "policy").reason == "r2: training stopped"
    assert stage(space, "evaluation").state is State.MISSING


def test_evaluation_of_an_older_checkpoint(space: Workspace) -> None:
    evaluate(train(space), checkpoint="checkpoints/step_0000050.json")
    found = stage(space, "evaluation")
    assert found.state is State.STALE
    assert found.reason == "measured step_0000050; now there is a newer policy"


def test_a_policy_that_a_killed_run_left_behind_is_the_newest_one(space: Workspace) -> None:
    evaluate(train(space, status="running", checkpoint="checkpoints/step_0000050.json"))
    assert stage(space, "evaluation").state is State.READY


def test_settings_that_a_stopped_run_has_not_learnt_with_are_told(space: Workspace) -> None:
    train(space, status="stopped", spec=space.spec.model_dump(mode="json"))
    assert stage(space, "policy").reason == "r1: training stopped"
    changed = edit(space.root, "  discount: 0.95\n", "  discount: 0.9\n")
    told = "r1: training stopped; now agent.discount 0.9 (0.95 before)"
    assert stage(changed, "policy").reason == told


def test_every_classifier_of_a_task_with_stages_is_told(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = space.spec.reward.options
    both = {"grasped": options, "placed": options}
    monkeypatch.setattr(stage_checks, "classifiers_of", lambda spec: both)
    ready = {"grasped": StageCheck(State.READY, "one"), "placed": StageCheck(State.READY, "two")}
    monkeypatch.setattr(stage_checks, "_check_classifier_of", lambda stage, *_: ready[stage])
    assert stage_checks.check_classifier(space).reason == "grasped: one; placed: two"
    ready["placed"] = StageCheck(State.STALE, "three")
    assert stage_checks.check_classifier(space) == StageCheck(State.STALE, "placed: three")


def test_poor_result_asks_for_more_training(space: Workspace) -> None:
    for _ in range(2):
        record(space, space.demos)
    record(space, space.labels, labels="+" * 10 + "-" * 10)
    train_classifier(space)
    evaluate(train(space), successes=12)
    stages = survey(space)
    assert stages[-1].reason == "12/20 successes, below the target of 90%"
    assert next_command(space, stages) == "hilctl train --new"


def test_a_poor_result_with_a_best_policy_asks_to_go_on_from_it(space: Workspace) -> None:
    for _ in range(2):
        record(space, space.demos)
    record(space, space.labels, labels="+" * 10 + "-" * 10)
    train_classifier(space)
    run = train(space)
    keep(run / "checkpoints", updates=90)
    keep(run / "checkpoints" / "best", updates=50)
    evaluate(run, successes=12)
    assert next_command(space, survey(space)) == "hilctl train --rollback best"
    keep(run / "checkpoints", updates=50)
    assert next_command(space, survey(space)) == "hilctl train --new"


def keep(folder: Path, updates: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    about = {"updates": updates, "robot_steps": 100}
    (folder / "step_0000100.json").write_text(json.dumps(about))


def test_what_reward_and_agent_do_not_need_is_no_stage(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ClassifierReward, "classifiers", lambda options: {})
    names = [stage.name for stage in survey(space)]
    assert names == ["task", "cameras", "demos", "policy", "evaluation"]
    with pytest.raises(UsageError, match="neither reward nor agent of this task need labels"):
        require(space, "labels")


def test_require_names_what_is_missing(space: Workspace) -> None:
    require(space, "task")
    with pytest.raises(MissingStageError) as caught:
        require(space, "demos", "classifier")
    assert caught.value.message == "demos missing: 0/2 successful demonstrations"
    assert caught.value.hint == "hilctl record-demos"
    record(space, space.demos)
    changed = edit(space.root, "rate_hz: 10", "rate_hz: 20")
    with pytest.raises(DataError):
        require(changed, "demos")


def test_manifest_keeps_what_people_added(tmp_path: Path) -> None:
    file = tmp_path / "eval.json"
    assert read_manifest(Evaluation, file) is None
    result = Evaluation.model_validate(
        {"episodes": 1, "successes": 1, "success_rate": 1.0, "checkpoint": "c", "ci95": [0.2, 1.0]}
    )
    write_manifest(file, result)
    assert read_manifest(Evaluation, file) == result
    assert result.model_dump()["ci95"] == [0.2, 1.0]
