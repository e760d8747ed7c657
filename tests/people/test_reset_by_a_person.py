"""A person puts things back: asked before every episode, and only then it begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from persons import Person, small_task, waits

from hilctl.data.index import episode_paths
from hilctl.data.writer import REMOVED
from hilctl.env.make import open_station
from hilctl.errors import HilctlError
from hilctl.pipeline.between_episodes import between_episodes
from hilctl.pipeline.events import told_by
from hilctl.pipeline.record.demos import record_demos
from hilctl.rewards.base import Judgement, Reward
from hilctl.robots.sim import SimRobot
from hilctl.task.workspace import Workspace


class AlwaysDone(Reward):
    """Calls everything a success."""

    judge_name = "classifier"

    def reset(self) -> None: ...

    def judge(self, features: Any, events: Any = (), measured: Any = None) -> Judgement:
        return Judgement(True, 1.0)


def mean_colours(images: np.ndarray) -> np.ndarray:
    return np.asarray(images.mean(axis=(1, 2), keepdims=True), np.float16)


def names(folder: Path) -> list[str]:
    return [path.name for path in episode_paths(folder)]


def test_every_demonstration_waits_for_the_person_and_the_simulator_does_the_work(
    space: Workspace, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    really = SimRobot.reset_scene

    def reset_scene(self: SimRobot) -> None:
        seen.append(person.events[-1].name)
        really(self)

    monkeypatch.setattr(SimRobot, "reset_scene", reset_scene)
    result = record_demos(space, count=2, report=person.report)
    assert result.demos == 2
    asked = person.texts("waiting")
    assert asked[0] == (
        "waiting for you: the simulator puts things back when you press g "
        "(r = record the last one again, q = stop here)"
    )
    assert seen == ["answered"] * result.attempts  # never before, and nobody else does it
    assert result.robot_s < 400


def test_an_episode_is_set_aside_and_recorded_again(space: Workspace, person: Person) -> None:
    person.answers = {"ready": ["g", "rg", "g"], "content": ["r", "g"]}
    result = record_demos(space, count=2, report=person.report)
    assert (result.demos, result.recorded, result.attempts) == (2, 2, 4)
    assert names(space.demos) == ["episode_000002.hdf5", "episode_000004.hdf5"]
    assert names(space.demos / REMOVED) == ["episode_000001.hdf5", "episode_000003.hdf5"]
    assert "now " + str(space.demos / REMOVED) in person.texts("removed")[0]


def test_nothing_is_recorded_by_who_wants_to_leave(space: Workspace, person: Person) -> None:
    person.answers = {"ready": ["q"]}
    result = record_demos(space, report=person.report)
    assert (result.demos, result.attempts) == (0, 0)


def test_who_does_not_come_ends_the_recording(tmp_path: Path, person: Person) -> None:
    space = small_task(tmp_path / "late", person, waits(wait_s=2.5, remind_s=1))
    person.answers = {}
    assert record_demos(space, report=person.report).attempts == 0
    assert len(person.texts("waiting")) == 3
    assert person.texts("answered") == ["ready: nobody came for 0:02 min: stopping"]


def test_a_stop_ends_the_wait(space: Workspace, person: Person) -> None:
    person.answers = {}
    result = record_demos(space, report=person.report, stop=lambda: bool(person.texts("waiting")))
    assert result.attempts == 0


def test_a_success_in_which_nothing_moved_is_none(tmp_path: Path, person: Person) -> None:
    space = small_task(tmp_path / "hasty", person, hasty=True)
    with pytest.raises(HilctlError, match="only 0 of 5 attempts succeeded"):
        record_demos(space, count=1, report=person.report)
    assert names(space.demos) == []
    assert "too short" in person.texts("episode")[0]


def test_a_start_that_looks_like_success_is_asked_about_until_the_person_insists(
    space: Workspace, person: Person
) -> None:
    person.answers = {"ready": ["g", "g", "v"]}
    reward = AlwaysDone()
    with open_station(
        space.spec, encode=mean_colours, reward=reward, screen=told_by(person.report)
    ) as station:
        assert between_episodes(space, station, person.report, reward)()
    first, second, third = person.texts("waiting")
    assert "success" not in first
    for text in (second, third):
        assert text.startswith("waiting for you: the classifier calls this start a success; ")
        assert "v = no success" in text


def test_a_camera_that_has_become_dark_is_told(
    space: Workspace, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_station(space.spec, encode=mean_colours, screen=told_by(person.report)) as station:
        put_back = between_episodes(space, station, person.report)
        assert put_back()
        look = station.env.get_wrapper_attr("look")
        dark = look()
        dark["images"] = {name: image // 3 for name, image in dark["images"].items()}
        bare = station.env.unwrapped
        monkeypatch.setattr(bare, "look", lambda: dark)
        assert put_back()
        assert put_back()
    assert person.texts("start") == [
        "mind: camera wrist: it is darker than it was",
        "mind: camera side: it is darker than it was",
    ]
    assert "it is darker than it was" in person.texts("waiting")[-1]


def test_a_reset_pose_away_from_where_demonstrations_began_is_told(
    tmp_path: Path, person: Person
) -> None:
    space = small_task(tmp_path / "far", person)
    record_demos(space, count=2, report=person.report)
    assert "demonstrations began" not in person.texts("waiting")[0]
    reset = space.spec.reset
    x, *others = reset.pose
    moved = reset.model_copy(update={"pose": (x, others[0] + 0.09, *others[1:])})
    far = Workspace(space.root, spec=space.spec.model_copy(update={"reset": moved}))
    with open_station(space.spec, screen=told_by(person.report)) as station:
        assert between_episodes(far, station, person.report)()
    told = person.texts("waiting")[-1]
    assert "cm from where demonstrations began" in told
