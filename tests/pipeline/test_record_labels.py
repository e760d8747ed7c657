"""Labels: enough of each kind, from where people go and from where they do not."""

from __future__ import annotations

from collections import Counter
from math import ceil
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from small_task import edit, make_task

from hilctl import geometry
from hilctl.data.dataset import Dataset
from hilctl.data.episode import Episode
from hilctl.data.index import INDEX
from hilctl.data.layout import LABEL_STAGES
from hilctl.errors import DataError, HilctlError, UsageError
from hilctl.pipeline.events import Event
from hilctl.pipeline.record import labels as verb
from hilctl.pipeline.record.demos import record_demos
from hilctl.pipeline.record.label_counts import SOURCE, LabelsResult, count_labels
from hilctl.pipeline.record.label_sources import ALIKE, RANDOM, SHOWN, SOURCES, SWEEP
from hilctl.pipeline.record.labelling import FAILURE, SUCCESS
from hilctl.pipeline.record.labels import record_labels
from hilctl.pipeline.stage_checks import check_labels
from hilctl.rewards import REWARDS
from hilctl.rewards.base import Reward
from hilctl.sim.scenes import ReachScene
from hilctl.sim.world import SimWorld
from hilctl.task.sections import PluginSpec
from hilctl.task.workspace import Workspace
from hilctl.teleop.base import WHOLE_TASK, TeleopEvent

FEW = {"consecutive: 2 ": "success_frames: 25\n  failure_frames: 90\n  consecutive: 2 "}
WANTED = {"success": 25, "failure": 90}


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return edit(make_task(tmp_path / "task"), FEW)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, LabelsResult, list]:
    """A task with labels, recorded once."""
    space = edit(make_task(tmp_path_factory.mktemp("labels") / "task"), FEW)
    events: list[Event] = []
    return space, record_labels(space, seed=3, report=events.append), events


def read(space: Workspace) -> list[Episode]:
    return list(Dataset.open(space.labels, expect_fingerprint=None).episodes())


def is_done(tcp_pose: np.ndarray, margin_m: float = 0.0) -> bool:
    """The reaching scene's truth, from the pose alone."""
    tip = geometry.compose(tcp_pose, geometry.pose([0, 0, ReachScene.TIP_M], [0, 0, 0, 1]))
    away_m = np.linalg.norm(tip[:3] - ReachScene.TARGET_M)
    return bool(away_m <= ReachScene.TOLERANCE_M + margin_m)


def test_there_is_enough_of_everything(recorded: tuple[Workspace, LabelsResult, list]) -> None:
    space, result, events = recorded
    labels = np.concatenate([episode.labels for episode in read(space)])
    assert result.found == {"success": (labels == 1).sum(), "failure": (labels == 0).sum()}
    assert all(result.found[kind] >= WANTED[kind] for kind in WANTED)
    assert result.missing == ""
    assert result.episodes == len(read(space))
    assert (space.labels / INDEX).is_file()
    assert events[-1].done == events[-1].total == sum(WANTED.values())
    assert "cameras are not checked" in events[0].text
    assert "of 25 success" in events[1].text


def test_every_source_brings_its_share(recorded: tuple[Workspace, LabelsResult, list]) -> None:
    space, result, _ = recorded
    failures: Counter[str] = Counter()
    for episode in read(space):
        assert episode.header.kind == "label"
        assert episode.header.attributes["operator"] == "scripted operator"
        assert LABEL_STAGES not in episode.header.attributes  # a file as it always was
        assert episode.header.label_stages == WHOLE_TASK
        failures[episode.header.attributes[SOURCE]] += int(np.sum(episode.labels == 0))
    assert set(failures) == {source.name for source in SOURCES}
    for source in (ALIKE, RANDOM, SWEEP):
        assert failures[source.name] >= source.failure_share * WANTED["failure"]
    assert result.as_dict()["sources"] == failures


def test_labels_are_the_truth(recorded: tuple[Workspace, LabelsResult, list]) -> None:
    space, _, _ = recorded
    for episode in read(space):
        assert episode.labels is not None
        poses = episode.state("tcp_pose")
        for number, label in enumerate(episode.labels):
            if label == 1:
                assert is_done(poses[number + 1])
            elif label == 0 and episode.header.attributes[SOURCE] != SHOWN.name:
                assert not is_done(poses[number + 1])


def test_hands_are_off_while_the_arm_sweeps(recorded: tuple[Workspace, LabelsResult, list]) -> None:
    space, _, _ = recorded
    for episode in read(space):
        by_hand = episode.header.attributes[SOURCE] in (ALIKE.name, SHOWN.name)
        assert (episode.intervened == by_hand).all()
        assert np.isnan(episode.policy_actions).all() == by_hand


def test_what_was_seen_is_told(recorded: tuple[Workspace, LabelsResult, list]) -> None:
    _, result, _ = recorded
    assert 0.2 < result.coverage <= 1
    assert result.variety is not None
    assert result.variety > 0.25
    assert result.robot_s > 10


def test_nothing_is_recorded_when_there_is_enough(
    recorded: tuple[Workspace, LabelsResult, list],
) -> None:
    space, before, _ = recorded
    after = record_labels(Workspace(space.root))
    assert after.counts == before.counts
    assert (after.coverage, after.variety) == (before.coverage, before.variety)
    assert after.robot_s == 0


class StopAfter:
    """Ask for a stop at the n-th question."""

    def __init__(self, questions: int) -> None:
        self.left = questions

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


def test_an_interrupted_recording_goes_on_later(space: Workspace) -> None:
    first = record_labels(space, stop=StopAfter(60), keep=lambda: True)
    assert first.episodes > 0
    assert "of 25 success" in first.missing
    done = record_labels(Workspace(space.root))
    assert done.missing == ""
    starts = [tuple(episode.state("tcp_pose")[0]) for episode in read(space)]
    assert len(set(starts)) == len(starts) > first.episodes


def test_an_interrupted_episode_is_thrown_away_unless_kept(space: Workspace) -> None:
    assert record_labels(space, stop=StopAfter(30)).episodes == 0
    assert list(space.labels.iterdir()) == []
    kept = record_labels(space, stop=StopAfter(30), keep=lambda: True)
    assert kept.episodes == 1
    assert 0 < len(read(space)[0]) <= 30


def test_labels_of_another_task_are_refused(space: Workspace) -> None:
    record_labels(space, stop=StopAfter(30), keep=lambda: True)
    other = edit(space, {"rotation_rad: 0.06": "rotation_rad: 0.05"})
    with pytest.raises(DataError, match=r"control\.rotation_rad: 0\.05 here, 0\.06 there"):
        record_labels(other)


def test_an_operator_who_never_succeeds_is_noticed(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SimWorld, "solved", lambda self: False)
    monkeypatch.setattr(verb, "DRY_EPISODES", 2)
    with pytest.raises(HilctlError, match="2 success episodes in a row") as caught:
        record_labels(space)
    assert "0 of 25 success" in caught.value.message
    assert "record-labels" in str(caught.value.hint)


def test_demonstrations_count_for_coverage(space: Workspace) -> None:
    without = record_labels(space, stop=lambda: True).coverage
    record_demos(space, count=1)
    assert without == 0.0
    assert record_labels(space, stop=lambda: True).coverage > 0


def test_a_reward_without_labels_says_so(space: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    reward = PluginSpec(type="pose", options=space.spec.reward.options)
    space.spec = space.spec.model_copy(update={"reward": reward})
    monkeypatch.setattr(REWARDS, "get", lambda name: Reward)
    with pytest.raises(UsageError, match="learns from no labels"):
        record_labels(space)


def test_every_stage_is_counted_by_itself() -> None:
    result = LabelsResult({"grasped": 5, "placed": 3, "failure": 10}, Counter(), 0)
    assert result.lacking(SHOWN) == 5
    result.count(ALIKE, {1: 1, 0: 0})  # not quite there is what could be mistaken for it
    assert result.lacking(ALIKE) == ceil(ALIKE.failure_share * 10) - 1
    result.take_back(ALIKE, {1: 1, 0: 0})
    for _ in range(2):
        result.count(SHOWN, {2: 0, 1: 4, 0: 5, -1: 7})
    assert result.found == {"grasped": 8, "placed": 0, "failure": 10}
    assert result.lacking(SHOWN) == 3
    assert result.missing == "0 of 3 placed"
    result.count(SHOWN, {2: 4})
    assert result.missing == "placed in 1 of 2 episodes"
    assert result.lacking(SHOWN) == 1
    assert result.as_dict()["stages"] == {"grasped": 8, "placed": 4}
    assert result.as_dict()["failure"] == 10


def test_success_in_one_episode_is_not_enough_however_many_its_frames() -> None:
    result = LabelsResult({"success": 20, "failure": 40}, Counter(), 0)
    result.count(ALIKE, {SUCCESS: 27, FAILURE: 40})
    assert result.lacking(SHOWN) == 1
    assert result.missing == "success in 1 of 2 episodes"
    result.count(SHOWN, {SUCCESS: 1})
    assert result.lacking(SHOWN) == 0
    assert result.missing == ""


def test_a_success_that_goes_on_and_on_counts_as_often_as_one_that_is_held() -> None:
    long, short = (LabelsResult({"success": 200, "failure": 0}, Counter(), 0) for _ in range(2))
    for _ in range(2):
        long.count(ALIKE, {SUCCESS: 86})
        short.count(ALIKE, {SUCCESS: 20})
    assert long.found == short.found == {"success": 40, "failure": 0}
    assert long.lacking(SHOWN) == 160
    long.take_back(ALIKE, {SUCCESS: 86})
    assert long.found["success"] == 20


def test_what_counts_is_the_same_once_it_is_on_disk(
    recorded: tuple[Workspace, LabelsResult, list],
) -> None:
    space, result, _ = recorded
    headers = Dataset.open(space.labels, expect_fingerprint=None).headers
    assert count_labels(headers) == result.counts
    state = check_labels(space)
    assert f"{result.found['success']}/25 success" in state.reason


def test_a_look_alike_that_is_done_for_good_ends() -> None:
    steps = 0
    env = ALIKE.cut(AlwaysDone(), rate_hz=10.0)
    env.reset()
    while not env.step(np.zeros(1))[3]:
        steps += 1
    assert steps < 30


class AlwaysDone(gymnasium.Env):
    def reset(self, **kwargs: object) -> tuple[dict, dict]:
        return {}, {}

    def step(self, action: np.ndarray) -> tuple[dict, float, bool, bool, dict]:
        return {}, 0.0, False, False, {"events": frozenset({TeleopEvent.SUCCESS})}
