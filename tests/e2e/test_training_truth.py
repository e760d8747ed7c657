"""What flows between both processes of a training is true, and survives whoever dies."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from processes import Start, episodes, eventually, is_episode, processes, until

from hilctl.data.header import EpisodeHeader
from hilctl.pipeline.events import never, silent
from hilctl.pipeline.parts import open_encoder
from hilctl.pipeline.run_folder.run import Run
from hilctl.pipeline.train.learner.learning import LearningSide, open_learning_side
from hilctl.task.workspace import Workspace
from hilctl.training.link import CORRECTING_FRAMES

OPERATOR = '''
from hilctl.teleop.scripted import ScriptedTeleop

class Overruling(ScriptedTeleop):
    """An operator who never agrees: vetoes every claimed success, and claims every other one."""

    def review(self, *, claimed):
        return not claimed
'''


@pytest.fixture
def overruled(ready: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The small task under an operator who never agrees with the reward."""
    site = tmp_path / "site"
    about = site / "overruling-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "overruling.py").write_text(OPERATOR)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: overruling\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[hilctl.teleops]\noverruling = overruling:Overruling\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{site}:{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.syspath_prepend(site)
    edit(ready, {"type: scripted": "type: overruling", "robot_minutes: 0.25": "robot_minutes: 5"})
    return ready


def edit(space: Workspace, changes: dict[str, str]) -> None:
    text = space.task_file.read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    space.task_file.write_text(text)


def history(space: Workspace) -> list[dict[str, Any]]:
    about = json.loads((space.classifier / "classifier.json").read_text())
    assert about["version"] == 1 + len(about["history"])
    return list(about["history"])


def test_the_actor_judges_by_a_corrected_reward_within_an_episode(
    overruled: Workspace, start: Start
) -> None:
    # learning from an objection takes a third of a second; on a machine full of work above five
    edit(overruled, {"max_episode_s: 2": "max_episode_s: 8"})
    running = start(overruled, "train")
    events = until(running, is_episode(8))
    running.kill(signal.SIGINT)
    assert running.finish()[0] == 130
    told = [event for event in events if event["event"] == "episode"]
    objections = [event["vetoes"] + event["claims"] for event in told]
    assert objections == list(range(1, 9))
    # an episode begins while the last objection is learnt; by the next one it has come
    for earlier, event in zip(objections, told[2:], strict=False):
        assert event["reward_version"] >= 1 + earlier
    (run,) = overruled.all_runs()
    sources = [source for entry in history(overruled) for source in entry["sources"]]
    assert sources == [f"{run.name}/{number}" for number in overruled_numbers(overruled)]


def test_an_actor_killed_four_seconds_into_an_episode_is_heard_again_and_done_arrives(
    ready: Workspace, start: Start
) -> None:
    edit(
        ready, {"max_episode_s: 2": "max_episode_s: 6", "robot_minutes: 0.25": "robot_minutes: 0.4"}
    )
    running = start(ready, "train")
    pids = processes(until(running, lambda event: event["event"] == "moving"))
    (run,) = ready.all_runs()
    assert eventually(old_episode(run / "episodes", 4.0))
    os.kill(pids["actor"], signal.SIGKILL)
    events = until(running, lambda event: "reached_target" in event)
    assert running.finish()[0] == 0
    after = events[[event.get("event") for event in events].index("death") :]
    (recovered,) = [event for event in after if event.get("event") == "recovered"]
    assert recovered["steps"] >= 10
    assert Path(recovered["path"]).is_file()
    assert any(event.get("event") == "moving" for event in after)
    assert any(event.get("event") == "episode" for event in after)
    assert events[-1]["actor_deaths"] == 1
    assert events[-1]["episodes"] == len(episodes(ready))


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
def test_every_objection_is_learnt_once_whoever_is_killed(
    overruled: Workspace, start: Start, role: str
) -> None:
    running = start(overruled, "train")
    pids = processes(until(running, is_episode(2)))
    os.kill(pids[role], signal.SIGKILL)
    until(running, lambda event: event["event"] == "death")
    taken = until(running, is_episode(len(episodes(overruled)) + 3))[-1]["episodes"]
    running.kill(signal.SIGINT)
    assert running.finish()[0] == 130
    assert len(episodes(overruled)) >= taken
    (run,) = overruled.all_runs()
    opened(overruled, run)  # the learner may have had to leave before it had read everything
    added = sum(entry["added"] for entry in history(overruled))
    assert added == CORRECTING_FRAMES * len(overruled_numbers(overruled))


def overruled_numbers(space: Workspace) -> list[int]:
    known = [EpisodeHeader.read(path).attributes for path in episodes(space)]
    return [n for n, about in enumerate(known, 1) if about["vetoed"] or about["claimed"]]


def stopped(space: Workspace, start: Start, count: int) -> Path:
    running = start(space, "train")
    until(running, is_episode(count))
    running.kill(signal.SIGINT)
    assert running.finish()[0] == 130
    (run,) = space.all_runs()
    return run


def opened(space: Workspace, run: Path) -> LearningSide:
    side = open_learning_side(Run(space, run, 0), open_encoder(space), silent, never)
    assert side is not None
    return side


def test_corrections_are_made_again_by_a_classifier_that_does_not_have_them(
    overruled: Workspace, start: Start
) -> None:
    first = {path.name: path.read_bytes() for path in overruled.classifier.glob("*")}
    run = stopped(overruled, start, 3)
    learnt = history(overruled)
    side = opened(overruled, run)
    assert history(overruled) == learnt  # it has them
    for path in overruled.classifier.glob("*"):
        path.unlink()
    for name, content in first.items():  # as the labels alone made it
        (overruled.classifier / name).write_bytes(content)
    side = opened(overruled, run)
    (again,) = history(overruled)
    assert again["sources"] == [source for entry in learnt for source in entry["sources"]]
    assert again["added"] == sum(entry["added"] for entry in learnt)
    reward = side.episode_learner.reward()
    assert reward is not None
    assert reward.version == 2


def test_a_learner_that_reads_while_an_actor_goes_on_takes_every_episode_once(
    ready: Workspace, start: Start
) -> None:
    run = stopped(ready, start, 3)
    with going_on(run / "episodes"):
        side = opened(ready, run)
    assert len(episodes(ready)) > side.episode_learner.taken
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
