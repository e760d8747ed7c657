"""Demonstrations: the successful ones are kept, counted and never recorded twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from small_task import edit, make_task

from hilctl.data.dataset import Dataset
from hilctl.data.episode import Episode
from hilctl.data.index import INDEX, episode_paths
from hilctl.data.step import Outcome
from hilctl.errors import DataError, HilctlError
from hilctl.pipeline.events import Event
from hilctl.pipeline.record.demos import record_demos
from hilctl.pipeline.record.recording import station_seed
from hilctl.robots.sim import SimRobot
from hilctl.task.fingerprint import data_fingerprint, data_identity
from hilctl.task.workspace import Workspace
from hilctl.teleop import base
from hilctl.teleop.scripted import ScriptedTeleop


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return make_task(tmp_path / "task")


def read(space: Workspace) -> list[Episode]:
    return list(Dataset.open(space.demos, expect_fingerprint=None).episodes())


def press(monkeypatch: pytest.MonkeyPatch, event: base.TeleopEvent, *at_polls: int) -> None:
    """Let the operator press a button at some of its polls."""
    polls, poll = [0], ScriptedTeleop.poll

    def pressing(self: ScriptedTeleop) -> base.TeleopInput:
        polls[0] += 1
        hand = poll(self)
        if polls[0] not in at_polls:
            return hand
        return base.TeleopInput(hand.twist, engaged=hand.engaged, events=(event,))

    monkeypatch.setattr(ScriptedTeleop, "poll", pressing)


def test_as_many_as_wanted(space: Workspace) -> None:
    events: list[Event] = []
    result = record_demos(space, count=2, report=events.append)
    assert (result.demos, result.recorded, result.wanted) == (2, 2, 2)
    cameras, *attempts = events
    assert "cameras are not checked" in cameras.text
    assert [event.figures["demos"] for event in attempts][-1] == 2
    assert all("demos" in event.text for event in attempts)
    first, second = read(space)
    for episode in (first, second):
        assert episode.header.outcome is Outcome.SUCCESS
        assert episode.rewards.tolist() == [0.0] * (len(episode) - 1) + [1.0]
        assert episode.terminated.tolist() == [False] * (len(episode) - 1) + [True]
        assert episode.intervened.all()
        assert np.isnan(episode.policy_actions).all()
        assert np.linalg.norm(episode.actions[0]) > 0, "idle starts are trimmed"
    assert not np.array_equal(first.actions[:5], second.actions[:5])


def test_what_is_said_about_an_episode(space: Workspace) -> None:
    record_demos(space, count=1, seed=7)
    attributes = read(space)[0].header.attributes
    assert attributes["kind"] == "demo"
    assert attributes["operator"] == "scripted operator"
    assert attributes["task_fingerprint"] == data_fingerprint(space.spec)
    assert attributes["task_identity"] == data_identity(space.spec)
    assert attributes["seed"] == 7
    assert attributes["renderer"] in ("egl", "glfw", "osmesa", "raycast")
    assert set(attributes["versions"]) >= {"hilctl", "h5py"}


def test_the_index_is_a_robomimic_data_set(space: Workspace) -> None:
    record_demos(space, count=2)
    with h5py.File(space.demos / INDEX) as file:
        assert sorted(file["data"]) == ["demo_0", "demo_1"]
        for demo in file["data"].values():
            steps = demo.attrs["num_samples"]
            assert demo["actions"].shape == (steps, 6)
            assert demo["rewards"].shape == demo["dones"].shape == (steps,)
            assert demo["obs/wrist"].shape == (steps, 32, 32, 3)
            assert len(demo["next_obs/tcp_pose"]) == steps
        assert len(file["mask/train"]) == len(file["mask/valid"]) == 1


def test_those_that_are_there_count(space: Workspace) -> None:
    record_demos(space, count=2)
    again = record_demos(space, count=3)
    assert (again.demos, again.recorded, again.attempts) == (3, 1, 1)
    assert record_demos(space, count=3).attempts == 0
    starts = [tuple(episode.state("tcp_pose")[0]) for episode in read(space)]
    assert len(set(starts)) == 3, "a continued recording draws other numbers"


def test_a_lost_index_is_made_again(space: Workspace) -> None:
    record_demos(space, count=1)
    (space.demos / INDEX).unlink()
    record_demos(space, count=1)
    assert (space.demos / INDEX).is_file()


def test_the_same_seed_records_the_same(tmp_path: Path) -> None:
    spaces = [make_task(tmp_path / name) for name in "abc"]
    for space, seed in zip(spaces, (1, 1, 2), strict=True):
        record_demos(space, count=1, seed=seed)
    a, b, c = (read(space)[0].actions for space in spaces)
    np.testing.assert_array_equal(a, b)
    assert a.shape != c.shape or not np.array_equal(a, c)


def test_seeds_differ_by_purpose_and_continuation() -> None:
    seeds = {station_seed(s, p, n) for s in range(3) for p in ("demos", "labels") for n in (0, 12)}
    assert len(seeds) == 12


def test_demonstrations_of_another_task_are_refused(space: Workspace) -> None:
    record_demos(space, count=1)
    other = edit(space, {"rate_hz: 10": "rate_hz: 20"})
    before = sorted(path.name for path in space.demos.iterdir())
    with pytest.raises(DataError, match=r"control\.rate_hz: 20 here, 10 there"):
        record_demos(other, count=2)
    assert sorted(path.name for path in space.demos.iterdir()) == before


def test_leftovers_are_put_away_and_named(space: Workspace) -> None:
    space.demos.mkdir()
    (space.demos / "episode_000003.hdf5.partial").write_bytes(b"cut")
    events: list[Event] = []
    assert record_demos(space, count=1, report=events.append).recovered == 1
    assert events[0].name == "recovered"
    assert "episode_000003.hdf5.partial" in events[0].text
    assert "episode_000003.hdf5.broken" in events[0].text
    assert not list(space.demos.glob("*.partial"))
    assert len(episode_paths(space.demos)) == 1


def test_unsuccessful_attempts_are_not_kept(space: Workspace) -> None:
    hasty = edit(space, {"max_episode_s: 5": "max_episode_s: 0.2"})
    with pytest.raises(HilctlError, match="only 0 of 10 attempts succeeded") as caught:
        record_demos(hasty, count=2)
    assert "max_episode_s" in str(caught.value.hint)
    assert list(space.demos.iterdir()) == []


def test_an_attempt_can_be_thrown_away(space: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    press(monkeypatch, base.TeleopEvent.DISCARD, 4)
    result = record_demos(space, count=1)
    assert (result.attempts, result.discarded, result.demos) == (2, 1, 1)
    assert len(episode_paths(space.demos)) == 1


def test_a_vetoed_attempt_is_no_demonstration(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    press(monkeypatch, base.TeleopEvent.VETO, 4)
    result = record_demos(space, count=1)
    assert (result.attempts, result.discarded, result.demos) == (2, 0, 1)
    assert len(episode_paths(space.demos)) == 1


def test_the_operator_can_leave(space: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    press(monkeypatch, base.TeleopEvent.QUIT, *range(1, 500))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptedTeleop, "review", lambda self, claimed: True)
        edit(space, {"max_episode_s: 5": "max_episode_s: 1"})
        result = record_demos(Workspace(space.root), count=5)
    assert (result.attempts, result.demos) == (1, 1)


class StopAfter:
    """Ask for a stop at the n-th question."""

    def __init__(self, questions: int) -> None:
        self.left = questions

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


def test_an_interrupted_attempt_leaves_nothing(space: Workspace) -> None:
    result = record_demos(space, count=2, stop=StopAfter(6))
    assert (result.demos, result.attempts) == (0, 1)
    assert list(space.demos.iterdir()) == []


def test_the_robot_is_stopped_before_anyone_is_asked(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    for name in ("servo", "stop"):
        original = getattr(SimRobot, name)

        def spy(self: Any, *args: Any, name: str = name, original: Any = original) -> Any:
            order.append(name)
            return original(self, *args)

        monkeypatch.setattr(SimRobot, name, spy)

    def keep() -> bool:
        order.append("asked")
        return True

    record_demos(space, count=2, stop=StopAfter(6), keep=keep)
    asked = order.index("asked")
    assert order[asked - 1] == "stop"
    assert "servo" not in order[asked:]


def test_an_interrupted_attempt_that_is_kept_is_no_demonstration(space: Workspace) -> None:
    stop = StopAfter(15)  # less than an attempt takes
    hasty = edit(space, {"skill: 0.8": "skill: 0.0"})
    result = record_demos(hasty, count=2, stop=stop, keep=lambda: True)
    assert result.demos == 0
    assert [episode.header.outcome for episode in read(space)] == [Outcome.ABORTED]
    assert record_demos(hasty, count=1).demos == 1


def test_nothing_moves_when_it_was_interrupted_before(space: Workspace) -> None:
    assert record_demos(space, count=1, stop=lambda: True).attempts == 0
