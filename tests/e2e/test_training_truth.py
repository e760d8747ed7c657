"""What flows between both processes of a training is true, and survives whoever dies."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from processes import (
    copy,
    edit,
    episodes,
    eventually,
    install,
    is_episode,
    processes,
    progress,
    starting,
    until,
)

from hilctl.data.header import EpisodeHeader
from hilctl.pipeline.events import never, silent
from hilctl.pipeline.parts import open_encoder
from hilctl.pipeline.run_folder.run import Run
from hilctl.pipeline.train.learner.learning import LearningSide, open_learning_side
from hilctl.task.workspace import Workspace
from hilctl.training.link import CORRECTING_FRAMES

UNDISTURBED = 4  # episodes before somebody is killed
OPERATOR = '''
from hilctl.teleop.scripted import ScriptedTeleop

class Overruling(ScriptedTeleop):
    """An operator who never agrees: vetoes every claimed success, and claims every other one."""

    def review(self, *, claimed):
        return not claimed
'''


@dataclass(frozen=True)
class OverruledRun:
    """A run whose learner and then whose actor was killed: its folder, all it told, its figures."""

    space: Workspace
    events: list[dict[str, Any]]
    result: dict[str, Any]

    def after_the_death_of(self, role: str) -> list[dict[str, Any]]:
        deaths = [(event.get("event"), event.get("role")) for event in self.events]
        return self.events[deaths.index(("death", role)) :]


@pytest.fixture(scope="module")
def overruled(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OverruledRun]:
    """A training under an operator who never agrees.

    After some episodes its learner is killed, later its actor, four seconds into an episode; it is
    stopped after the next one.
    """
    folder = tmp_path_factory.mktemp("overruled")
    space = copy(recorded, folder / "task")
    # learning from an objection takes a third of a second; on a machine full of work above five
    changes = {"max_episode_s: 2": "max_episode_s: 8", "robot_minutes: 0.4": "robot_minutes: 5"}
    edit(space, changes | {"type: scripted": "type: overruling"})
    entry_points = "[hilctl.teleops]\noverruling = overruling:Overruling\n"
    environment = install(folder / "site", "overruling", OPERATOR, entry_points)
    with starting() as start:
        running = start(space, "train", environment=environment)
        events = until(running, is_episode(UNDISTURBED))
        os.kill(processes(events)["learner"], signal.SIGKILL)
        events += until(running, is_process("learner"))
        (run,) = space.all_runs()
        assert eventually(old_episode(run / "episodes", 4.0))
        os.kill(processes(events)["actor"], signal.SIGKILL)
        events += until(running, is_process("actor"))
        events += until(running, is_episode(UNDISTURBED))
        running.kill(signal.SIGINT)
        code, lines, talk = running.finish()
        assert code == 130, talk
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder / "site")
        yield OverruledRun(space, events + lines, progress(space))


def is_process(role: str) -> Callable[[dict[str, Any]], bool]:
    """Return whether an event is the start of a side."""
    return lambda event: event["event"] == "process" and event["role"] == role


def old_episode(folder: Path, seconds: float) -> Callable[[], bool]:
    """Return what tells whether an episode has been written for so long."""
    seen: dict[Path, float] = {}

    def is_there() -> bool:
        for partial in folder.glob("*.partial"):
            if time.monotonic() - seen.setdefault(partial, time.monotonic()) >= seconds:
                return True
        return False

    return is_there


@pytest.mark.parametrize("role", ["learner", "actor"])
def test_a_side_that_dies_is_started_again_and_nothing_is_lost(
    overruled: OverruledRun, role: str
) -> None:
    space, result = overruled.space, overruled.result
    assert overruled.after_the_death_of(role)[0]["deaths"] == 1
    assert result[f"{role}_deaths"] == 1
    assert result["episodes"] == len(episodes(space))
    assert result["updates"] > 0
    (run,) = space.all_runs()
    (checkpoint,) = (run / "checkpoints").glob("step_*.json")
    about = json.loads(checkpoint.read_text())
    assert about["robot_steps"] == result["robot_steps"]  # the learner took every episode in, once
    assert not list((run / "episodes").glob("*.partial"))


def test_an_actor_killed_four_seconds_into_an_episode_is_heard_again_and_done_arrives(
    overruled: OverruledRun,
) -> None:
    after = overruled.after_the_death_of("actor")
    (recovered,) = [event for event in after if event.get("event") == "recovered"]
    assert recovered["steps"] >= 10
    assert Path(recovered["path"]).is_file()
    assert any(event.get("event") == "moving" for event in after)
    assert any(event.get("event") == "episode" for event in after)


def history(space: Workspace) -> list[dict[str, Any]]:
    about = json.loads((space.classifier / "classifier.json").read_text())
    assert about["version"] == 1 + len(about["history"])
    return list(about["history"])


def test_the_actor_judges_by_a_corrected_reward_within_an_episode(overruled: OverruledRun) -> None:
    told = [event for event in overruled.events if event.get("event") == "episode"][:UNDISTURBED]
    objections = [event["vetoes"] + event["claims"] for event in told]
    assert objections == list(range(1, UNDISTURBED + 1))
    # an episode begins while the last objection is learnt; by the next one it has come, if not on
    # a busy computer each time
    versions = [event["reward_version"] for event in told]
    known = [version - 1 for version in versions[2:]]
    assert any(version >= earlier for version, earlier in zip(known, objections, strict=False))
    assert versions == sorted(versions)


def test_every_objection_is_learnt_once_whoever_is_killed(overruled: OverruledRun) -> None:
    space, events = overruled.space, overruled.events
    deaths = [event["role"] for event in events if event.get("event") == "death"]
    assert deaths == ["learner", "actor"]
    (run,) = space.all_runs()
    sources = [source for entry in history(space) for source in entry["sources"]]
    assert sorted(sources) == sorted(f"{run.name}/{n}" for n in overruled_numbers(space))
    added = sum(entry["added"] for entry in history(space))
    assert added == CORRECTING_FRAMES * len(overruled_numbers(space))


def overruled_numbers(space: Workspace) -> list[int]:
    known = [EpisodeHeader.read(path).attributes for path in episodes(space)]
    return [n for n, about in enumerate(known, 1) if about["vetoed"] or about["claimed"]]


def opened(space: Workspace, run: Path) -> LearningSide:
    side = open_learning_side(Run(space, run, 0), open_encoder(space), silent, never)
    assert side is not None
    return side


def test_corrections_are_made_again_by_a_classifier_that_does_not_have_them(
    overruled: OverruledRun, recorded: Path, tmp_path: Path
) -> None:
    space = copy(overruled.space.root, tmp_path / "task")
    (run,) = space.all_runs()
    opened(space, run)
    learnt = history(space)
    opened(space, run)
    assert history(space) == learnt  # it has them
    for path in space.classifier.glob("*"):
        path.unlink()
    for path in Workspace(recorded).classifier.glob("*"):  # as the labels alone made it
        shutil.copy(path, space.classifier)
    side = opened(space, run)
    (again,) = history(space)
    assert sorted(again["sources"]) == sorted(s for entry in learnt for s in entry["sources"])
    assert again["added"] == sum(entry["added"] for entry in learnt)
    reward = side.episode_learner.reward()
    assert reward is not None
    assert reward.version == 2


def test_a_learner_that_reads_while_an_actor_goes_on_takes_every_episode_once(
    unfinished: Workspace,
) -> None:
    (run,) = unfinished.all_runs()
    with going_on(run / "episodes"):
        side = opened(unfinished, run)
    assert len(episodes(unfinished)) > side.episode_learner.taken
    assert len(side.learner.online) == side.episode_learner.progress.robot_steps
    assert side.episode_learner.progress.episodes == side.episode_learner.taken
    missed = list(side.stored_episodes(before=side.episode_learner.taken + 3))
    assert [episode.number for episode in missed] == [
        side.episode_learner.taken + 1,
        side.episode_learner.taken + 2,
    ]
    for episode in missed:
        side.episode_learner.take(episode)
    assert len(side.learner.online) == side.episode_learner.progress.robot_steps


@contextmanager
def going_on(folder: Path) -> Iterator[None]:
    """Commit an episode every moment, as an actor does that knows nothing of its learner."""
    over = threading.Event()
    first, *others = sorted(folder.glob("*.hdf5"))

    def act() -> None:
        number = 1 + len(others)
        while not over.wait(0.05):
            number += 1
            os.link(first, folder / f"episode_{number:06d}.hdf5")

    actor = threading.Thread(target=act)
    actor.start()
    try:
        yield
    finally:
        over.set()
        actor.join()
