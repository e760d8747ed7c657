"""Stages of a reward that are learnt from labels, in the simulator: grasped, then placed."""

from __future__ import annotations

import io
import json
import shutil
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from processes import Ask, copy

from hilctl.cli.app import run
from hilctl.data.dataset import Dataset
from hilctl.data.episode import Episode
from hilctl.errors import DataError, DeviceError, MissingStageError
from hilctl.pipeline.parts import open_encoder, open_reward
from hilctl.pipeline.record.label_counts import MOST_OF_ONE
from hilctl.pipeline.record.labels import record_labels
from hilctl.pipeline.stages import State, require, survey
from hilctl.rewards import fit
from hilctl.task import scaffold
from hilctl.task.workspace import Workspace

STAGES = ("grasped", "placed")
SEEN_BY = {"type": "classifier", "cameras": ["wrist", "side"], "encoder": "thumbnails"}
FEW = {"success_frames": 10, "failure_frames": 30}
OPEN = 0.9  # of the gripper, from which on a block is let go of


def reward_of(*stages: str) -> dict[str, Any]:
    return {
        "type": "multi-stage",
        "stages": [{"name": name, **SEEN_BY, **FEW} for name in stages],
    }


def change(space: Workspace, **sections: Any) -> Workspace:
    """Return the task with other sections in its file."""
    data = yaml.safe_load(space.task_file.read_text())
    space.task_file.write_text(yaml.safe_dump(data | sections))
    return Workspace(space.root)


def make_task(folder: Path) -> Workspace:
    template = scaffold.find_template("sim-pick")
    scaffold.create(template, folder, template.answers({"demos": "2", "max_episode_s": "6"}))
    cameras = {
        name: {"type": "sim", "view": name, "width_px": 32, "height_px": 32, "size": [32, 32]}
        for name in ("wrist", "side")
    }
    agent = {"type": "rlpd", "encoder": "thumbnails", "batch": 32}
    training = {"demos": 2, "updates_before": 4, "updates_per_step": 1, "max_robot_minutes": 0.1}
    return change(
        Workspace(folder),
        cameras=cameras,
        agent=agent,
        training=training,
        reward=reward_of(*STAGES),
    )


@dataclass(frozen=True)
class Learnt:
    """A task with demonstrations, labels and classifiers; by verb, what was told of them."""

    root: Path
    answers: dict[str, dict[str, Any]]
    talk: dict[str, str]


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Learnt:
    root = make_task(tmp_path_factory.mktemp("stages") / "task").root
    answers, told = {}, {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "STEPS", 40)
        patch.chdir(root)
        for verb in ("record-demos", "record-labels", "train-classifier"):
            out, talk = io.StringIO(), io.StringIO()
            with redirect_stdout(out), redirect_stderr(talk):
                assert run([verb, "--json"]) == 0
            answers[verb] = json.loads(out.getvalue().splitlines()[-1])
            told[verb] = talk.getvalue()
    return Learnt(root, answers, told)


@pytest.fixture
def space(learnt: Learnt, tmp_path: Path) -> Workspace:
    """A copy of it."""
    return copy(learnt.root, tmp_path / "task")


def labelled(space: Workspace) -> list[Episode]:
    return list(Dataset.open(space.labels, expect_fingerprint=None).episodes())


def counts(space: Workspace, most: int = 1000) -> list[int]:
    """The frames that show no stage, the first one, all of them; so many an episode of a stage."""
    each = [episode.labels for episode in labelled(space)]
    none = sum(int((labels == 0).sum()) for labels in each)
    reached = [
        sum(min(most, int((labels == label).sum())) for labels in each)
        for label in range(1, len(STAGES) + 1)
    ]
    return [none, *reached]


def test_labels_count_the_stages_that_are_reached(space: Workspace) -> None:
    none, grasped, placed = counts(space)
    assert none >= 30
    assert min(grasped, placed) >= 10
    for episode in labelled(space):
        assert episode.header.label_stages == STAGES
        assert episode.labels is not None
        opening = episode.state("gripper")[1:, 0]
        assert (opening[episode.labels == 2] > OPEN).all()
        assert (opening[episode.labels == 1] < OPEN).all()


def test_every_stage_has_its_classifier_and_knows_later_ones_as_success(space: Workspace) -> None:
    none, grasped, placed = counts(space)
    about = {
        stage: json.loads((space.classifier / stage / "classifier.json").read_text())
        for stage in STAGES
    }
    frames = [about[stage]["metrics"]["frames"] for stage in STAGES]
    assert frames[0] == {"success": grasped + placed, "failure": none}
    assert frames[1] == {"success": placed, "failure": none + grasped}
    assert not (space.classifier / "classifier.json").exists()
    require(space, "labels", "classifier")
    reward = open_reward(space, open_encoder(space))
    assert reward.model is not None
    assert reward.model.arrays()["successes"].shape[0] == placed


def test_figures_are_told_stage_by_stage(learnt: Learnt) -> None:
    found = learnt.answers["train-classifier"]["stages"]
    assert [*found] == [*STAGES]
    for stage in STAGES:
        assert found[stage]["folder"].endswith(f"classifier/{stage}")
        assert f"{stage}, of the frames in which it is reached" in learnt.talk["train-classifier"]
    none, *reached = counts(Workspace(learnt.root), MOST_OF_ONE)
    labels = learnt.answers["record-labels"]
    assert labels["stages"] == dict(zip(STAGES, reached, strict=True))
    assert labels["failure"] == none
    assert " of 10 grasped, " in learnt.talk["record-labels"]


def test_a_stage_without_a_classifier_is_named(space: Workspace) -> None:
    shutil.rmtree(space.classifier / "placed")
    with pytest.raises(MissingStageError, match="classifier missing: placed: none yet") as caught:
        require(space, "classifier")
    assert "train-classifier" in str(caught.value.hint)
    with pytest.raises(MissingStageError, match="stage placed: no classifier has been trained"):
        open_reward(space, open_encoder(space))


def test_a_stage_that_no_label_shows_is_named(space: Workspace) -> None:
    for episode in labelled(space):
        if (episode.labels == 2).any():
            episode.header.path.unlink()
    with pytest.raises(MissingStageError, match=r"labels partial: \d+/10 grasped, 0/10 placed"):
        require(space, "labels")


@pytest.mark.parametrize("stages", [("placed", "grasped"), ("grasped",)])
def test_labels_that_count_other_stages_are_not_taken(
    space: Workspace, stages: tuple[str, ...]
) -> None:
    reward = reward_of(*stages)
    reward["stages"].append({"name": "seen", "type": "human"})
    other = change(space, reward=reward)
    found = next(stage for stage in survey(other) if stage.name == "labels")
    assert found.state is State.STALE
    assert f"{', then '.join(stages)} here, grasped, then placed there" in found.reason
    assert found.command.startswith("mv ")
    with pytest.raises(DataError, match=r"label episodes: .+ there"):
        record_labels(other)


def test_an_operator_who_cannot_tell_the_stages_says_so(space: Workspace) -> None:
    shutil.rmtree(space.labels)
    other = change(space, reward=reward_of("placed", "grasped"))
    with pytest.raises(DeviceError, match="it knows grasped, then placed"):
        record_labels(other)
    assert not list(space.labels.glob("*"))


@pytest.mark.slow
def test_a_policy_is_paid_for_each_stage_once(space: Workspace, ask: Ask) -> None:
    code, _, talk = ask(space, "train", "--lockstep")
    assert code == 0, talk
    episodes = Dataset.open(space.all_runs()[-1] / "episodes", expect_fingerprint=None)
    assert len(episodes) > 0
    for episode in episodes.episodes():
        assert {*np.round(episode.rewards, 6)} <= {0.0, 0.5, 1.0}
        assert episode.rewards.sum() <= 1 + 1e-9
        assert (episode.rewards.sum() > 0.99) == (episode.header.outcome == "success")
